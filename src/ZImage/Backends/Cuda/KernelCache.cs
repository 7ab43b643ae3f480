using System.Security.Cryptography;
using System.Text;

namespace ZImage.Backends.Cuda;

/// <summary>
/// Compiled units on disk, each in a folder <c>unit.architecture.key</c> with its source beside it, where profilers find it. A folder is written
/// aside and renamed, so that none is ever half there; what is broken is made again; what cannot be written is done without. What nobody has used
/// for long goes: a folder's time is that of its last use, to a day.
/// </summary>
/// <param name="root">The cache's folder for kernels; null for no cache.</param>
internal sealed partial class KernelCache(string? root)
{
    /// <summary>Part of every key: a new number makes everything again.</summary>
    private const int FormatVersion = 1;

    private const string DigestFile = "kernel.sha256";
    private const string LogFile = "compile.log";

    /// <summary>The key of a unit: whatever changes the machine code changes it.</summary>
    /// <param name="source">Source and headers.</param>
    /// <param name="options">The compiler's options, the architecture among them.</param>
    /// <param name="compiler">The compiler's version.</param>
    /// <returns>128 bits in hexadecimal.</returns>
    public static string Key(KernelSource source, IEnumerable<string> options, Version compiler)
    {
        using IncrementalHash hash = IncrementalHash.CreateHash(HashAlgorithmName.SHA256);
        Append($"{FormatVersion}|{compiler}|{source.Name}");
        foreach (string option in options)
        {
            Append(option);
        }

        Append(source.Text);
        foreach ((string path, string text) in source.Headers)
        {
            Append(path);
            Append(text);
        }

        return Convert.ToHexStringLower(hash.GetHashAndReset())[..32];

        // The length keeps two neighbours apart.
        void Append(string text)
        {
            byte[] bytes = Encoding.UTF8.GetBytes(text);
            hash.AppendData(BitConverter.GetBytes(bytes.Length));
            hash.AppendData(bytes);
        }
    }

    /// <summary>A unit from the cache, or compiled and put there.</summary>
    /// <param name="source">Source and headers.</param>
    /// <param name="target">What to compile for.</param>
    /// <param name="compiler">The compiler's version.</param>
    /// <param name="compile">Compiles; takes the path under which the source is or will be saved.</param>
    /// <param name="fromCache">Whether it came from the cache.</param>
    public KernelImage Get(KernelSource source, KernelTarget target, Version compiler, Func<string, KernelImage> compile, out bool fromCache)
    {
        string name = $"{source.Family}.cu";
        if (root is null)
        {
            fromCache = false;
            return compile($"kernels/{name}");
        }

        string folder = Path.Combine(root, FolderName(source, target, compiler));
        string codeFile = target.IsPtx ? "kernel.ptx" : "kernel.cubin";
        if (TryLoad(folder, codeFile) is { } cached)
        {
            fromCache = true;
            MarkUse(folder, DateTime.UtcNow);
            return cached;
        }

        fromCache = false;
        KernelImage image = compile(Path.Combine(folder, name));
        Store(folder, codeFile, source, target, compiler, image);
        return image;
    }

    private static string FolderName(KernelSource source, KernelTarget target, Version compiler) =>
        $"{source.Name}.{target.Architecture}.{Key(source, [.. target.Options, .. source.Definitions], compiler)}";

    private static KernelImage? TryLoad(string folder, string codeFile)
    {
        try
        {
            byte[] code = File.ReadAllBytes(Path.Combine(folder, codeFile));
            string digest = File.ReadAllText(Path.Combine(folder, DigestFile));
            return digest == Digest(code) ? new KernelImage(code, File.ReadAllText(Path.Combine(folder, LogFile))) : null;
        }
        catch (Exception exception) when (exception is IOException or UnauthorizedAccessException)
        {
            return null;
        }
    }

    private void Store(string folder, string codeFile, KernelSource source, KernelTarget target, Version compiler, KernelImage image)
    {
        string aside = Path.Combine(root!, $".{Guid.NewGuid():N}");
        try
        {
            Directory.CreateDirectory(aside);
            Write($"{source.Family}.cu", source.Text);
            foreach ((string path, string text) in source.Headers)
            {
                Write(path, text);
            }

            Write("options.txt", $"NVRTC {compiler}\n{string.Join('\n', [.. target.Options, .. source.Definitions])}\n");
            Write(LogFile, image.Log);
            File.WriteAllBytes(Path.Combine(aside, codeFile), image.Code);
            Write(DigestFile, Digest(image.Code));

            // Whoever came first has the same content, unless it is broken: then it goes.
            if (Directory.Exists(folder) && TryLoad(folder, codeFile) is null)
            {
                Directory.Delete(folder, recursive: true);
            }

            if (!Directory.Exists(folder))
            {
                Directory.Move(aside, folder);
            }
        }
        catch (Exception exception) when (exception is IOException or UnauthorizedAccessException)
        {
            // Another process was faster, or the cache cannot be written: the code in memory serves.
        }
        finally
        {
            Discard(aside);
        }

        void Write(string path, string text)
        {
            string file = Path.Combine(aside, path);
            Directory.CreateDirectory(Path.GetDirectoryName(file)!);
            File.WriteAllText(file, text);
        }
    }

    private static void Discard(string folder)
    {
        try
        {
            if (Directory.Exists(folder))
            {
                Directory.Delete(folder, recursive: true);
            }
        }
        catch (Exception exception) when (exception is IOException or UnauthorizedAccessException)
        {
            // A folder with a dot in front is nobody's cache entry.
        }
    }

    private static string Digest(byte[] code) => Convert.ToHexStringLower(SHA256.HashData(code));
}
