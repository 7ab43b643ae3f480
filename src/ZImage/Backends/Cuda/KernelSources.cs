using System.Text.RegularExpressions;
using ZImage.Tensors;

namespace ZImage.Backends.Cuda;

/// <summary>
/// What is compiled at once, a unit: a kernel file or one of the parts that it is divided into, with the headers that it includes, directly or through others.
/// </summary>
/// <param name="Family">File name without extension.</param>
/// <param name="Text">The source, of all parts.</param>
/// <param name="Headers">Path under <c>kernels/</c> and text of each header.</param>
/// <param name="Part">The part: what stands in <c>#if BUILDS(part)</c>; null for a file without.</param>
internal sealed record KernelSource(string Family, string Text, IReadOnlyList<KeyValuePair<string, string>> Headers, string? Part = null)
{
    /// <summary>The unit's name.</summary>
    public string Name => Part is null ? Family : $"{Family}.{Part}";

    /// <summary>The compiler's options that choose the part: see <c>kernels/common/types.cuh</c>.</summary>
    public IReadOnlyList<string> Definitions => Part is null ? [] : ["--define-macro=ZIMAGE_PARTS=1", $"--define-macro=ZIMAGE_PART_{Part}=1"];

    /// <summary>Whether a backend with such activations asks for the unit: parts for the other type it does not, but where told to.</summary>
    /// <param name="type">BF16 or F32.</param>
    public bool IsFor(DType type)
    {
        string other = type == DType.BF16 ? "f32" : "bf16";
        return Part is null || !(Part == other || Part.EndsWith("_" + other, StringComparison.Ordinal));
    }

    /// <summary>The headers as the compiler takes them: under every name that an include has for them, and safe to include twice.</summary>
    public IReadOnlyList<KeyValuePair<string, string>> NamedHeaders()
    {
        List<KeyValuePair<string, string>> named = [];
        foreach ((string path, string text) in Headers)
        {
            // The compiler tells one header from another by name, and ours have two: with and without the folder. A guard does what
            // #pragma once cannot; it is put on existing lines and behind the last one, so that line numbers stay.
            string guard = $"ZIMAGE_{path.Replace('/', '_').Replace('.', '_').ToUpperInvariant()}";
            string guarded = text.Contains("#pragma once", StringComparison.Ordinal)
                ? $"{text.Replace("#pragma once", $"#ifndef {guard}", StringComparison.Ordinal)}\n#define {guard}\n#endif\n"
                : text;
            string file = path[(path.LastIndexOf('/') + 1)..];
            named.Add(new(path, guarded));
            if (file != path && !named.Exists(header => header.Key == file))
            {
                named.Add(new(file, guarded));
            }
        }

        return named;
    }
}

/// <summary>All kernel files: those built into the engine, or those of a folder while somebody works on them.</summary>
internal sealed partial class KernelSources
{
    /// <summary>Variable that names a folder to take the files from.</summary>
    public const string FolderVariable = "ZIMAGE_KERNEL_DIR";

    private const string ResourcePrefix = "kernels/";
    private readonly IReadOnlyDictionary<string, string> files;

    /// <summary>Takes the files as they are.</summary>
    /// <param name="files">Path under <c>kernels/</c>, with '/', and text.</param>
    public KernelSources(IReadOnlyDictionary<string, string> files) => this.files = files;

    /// <summary>Names of the families.</summary>
    public IEnumerable<string> Families =>
        files.Keys.Where(path => path.EndsWith(".cu", StringComparison.Ordinal)).Select(path => path[..^3]).Order(StringComparer.Ordinal);

    /// <summary>The files of ZIMAGE_KERNEL_DIR where that is set, else those of the engine.</summary>
    /// <exception cref="DeviceException">The folder cannot be read.</exception>
    public static KernelSources OfProcess() =>
        Environment.GetEnvironmentVariable(FolderVariable) is { Length: > 0 } folder ? FromFolder(folder) : FromResources();

    /// <summary>The files that are built into the engine.</summary>
    public static KernelSources FromResources()
    {
        Dictionary<string, string> files = new(StringComparer.Ordinal);
        foreach (string name in typeof(KernelSources).Assembly.GetManifestResourceNames())
        {
            string path = name.Replace('\\', '/');
            if (path.StartsWith(ResourcePrefix, StringComparison.Ordinal))
            {
                using StreamReader reader = new(typeof(KernelSources).Assembly.GetManifestResourceStream(name)!);
                files.Add(path[ResourcePrefix.Length..], reader.ReadToEnd());
            }
        }

        return new KernelSources(files);
    }

    /// <summary>The files of a folder.</summary>
    /// <param name="folder">What <c>kernels/</c> is in the repository.</param>
    /// <exception cref="DeviceException">The folder cannot be read.</exception>
    public static KernelSources FromFolder(string folder)
    {
        try
        {
            return new KernelSources(Directory.EnumerateFiles(folder, "*", SearchOption.AllDirectories)
                .Where(file => Path.GetExtension(file) is ".cu" or ".cuh")
                .ToDictionary(file => Path.GetRelativePath(folder, file).Replace('\\', '/'), File.ReadAllText, StringComparer.Ordinal));
        }
        catch (Exception exception) when (exception is IOException or UnauthorizedAccessException)
        {
            throw new DeviceException($"The kernels of {FolderVariable}={folder} cannot be read: {exception.Message}", $"Correct or unset {FolderVariable}.", exception);
        }
    }

    /// <summary>A family with the headers that it needs; others do not count towards its cache key.</summary>
    /// <exception cref="ArgumentException">There is no such family.</exception>
    public KernelSource Family(string family)
    {
        if (!files.TryGetValue($"{family}.cu", out string? text))
        {
            throw new ArgumentException($"There is no kernel file {family}.cu; there are {string.Join(", ", Families)}.", nameof(family));
        }

        SortedDictionary<string, string> headers = new(StringComparer.Ordinal);
        Collect(text, "", headers);
        return new KernelSource(family, text, [.. headers]);
    }

    /// <summary>The units of a family: its parts in the order of the file, or the file.</summary>
    /// <exception cref="ArgumentException">There is no such family.</exception>
    public IReadOnlyList<KernelSource> Units(string family)
    {
        KernelSource whole = Family(family);
        string[] parts = [.. PartPattern().Matches(whole.Text).Select(match => match.Groups[1].Value).Distinct()];
        return parts.Length == 0 ? [whole] : [.. parts.Select(part => whole with { Part = part })];
    }

    /// <summary>The unit of an entry: the part whose name ends the entry's, the longest of several.</summary>
    /// <param name="units">All units of the family.</param>
    /// <param name="entry">Unmangled name.</param>
    /// <exception cref="ArgumentException">No part fits.</exception>
    public static KernelSource UnitOf(IReadOnlyList<KernelSource> units, string entry)
    {
        KernelSource? found = null;
        foreach (KernelSource unit in units)
        {
            if (unit.Part is null || (entry.EndsWith("_" + unit.Part, StringComparison.Ordinal) && unit.Part.Length > (found?.Part?.Length ?? 0)))
            {
                found = unit;
            }
        }

        return found ?? throw new ArgumentException($"{entry} is in none of the units {string.Join(", ", units.Select(unit => unit.Name))}.", nameof(entry));
    }

    private void Collect(string text, string folder, SortedDictionary<string, string> headers)
    {
        foreach (Match match in IncludePattern().Matches(text))
        {
            string name = match.Groups[1].Value;
            string path = files.ContainsKey(folder + name) ? folder + name : name;

            // A header that is not ours is behind a condition, or the compiler will name it.
            if (files.TryGetValue(path, out string? header) && headers.TryAdd(path, header))
            {
                Collect(header, path[..(path.LastIndexOf('/') + 1)], headers);
            }
        }
    }

    [GeneratedRegex(@"^#if BUILDS\((\w+)\)", RegexOptions.Multiline)]
    private static partial Regex PartPattern();

    [GeneratedRegex("""^[ \t]*#[ \t]*include[ \t]*"([^"]+)""", RegexOptions.Multiline)]
    private static partial Regex IncludePattern();
}
