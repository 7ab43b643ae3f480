using System.Diagnostics;
using System.Runtime.InteropServices;

namespace ZImage.Native;

/// <summary>
/// The search for one library: a list of places in order of how deliberate they are, what somebody set first and what happens to be installed last.
/// In one place the newest major version wins; across places the order of the places does.
/// </summary>
/// <param name="environment">Reads an environment variable; null for one that is not set.</param>
/// <param name="applicationFolder">Folder of the program.</param>
internal sealed class NativeLibrarySearch(Func<string, string?> environment, string applicationFolder)
{
    /// <summary>Variable that names the folder to look in before all others.</summary>
    public const string OverrideVariable = "ZIMAGE_CUDA_DIR";

    private static readonly string[] s_toolkitFolders = OperatingSystem.IsWindows()
        ? [Path.Combine("bin", "x64"), "bin"]
        : ["lib64", "lib", Path.Combine("targets", "x86_64-linux", "lib"), Path.Combine("targets", "sbsa-linux", "lib")];

    /// <summary>The search over this process's environment.</summary>
    public static NativeLibrarySearch OfProcess { get; } = new(Environment.GetEnvironmentVariable, AppContext.BaseDirectory);

    /// <summary>Looks for a library and loads the first that loads.</summary>
    /// <param name="names">What to look for.</param>
    /// <param name="attempts">Gets every place tried, the successful one last.</param>
    /// <param name="path">The file that was loaded.</param>
    /// <returns>Handle of the loaded library; zero if none was found.</returns>
    public nint Find(NativeLibraryNames names, List<NativeLibraryAttempt> attempts, out string? path)
    {
        foreach (string folder in Folders(names, attempts))
        {
            if (!Directory.Exists(folder))
            {
                attempts.Add(new NativeLibraryAttempt(folder, "no such folder"));
                continue;
            }

            foreach (string file in names.Files)
            {
                path = Path.Combine(folder, file);
                if (!File.Exists(path))
                {
                    attempts.Add(new NativeLibraryAttempt(path, "no such file"));
                }
                else if (TryLoad(path, attempts, out nint handle))
                {
                    LoadCompanions(folder, names.Companions);
                    return handle;
                }
            }
        }

        return FindByLoader(names, attempts, out path);
    }

    private static nint FindByLoader(NativeLibraryNames names, List<NativeLibraryAttempt> attempts, out string? path)
    {
        foreach (string file in names.Files)
        {
            if (TryLoad(file, attempts, out nint handle))
            {
                path = LoadedFile(file) ?? file;
                return handle;
            }
        }

        // Under WSL the driver lies outside of the loader's folders in some distributions.
        path = "/usr/lib/wsl/lib/libcuda.so.1";
        return names.IsDriver && File.Exists(path) && TryLoad(path, attempts, out nint driver) ? driver : NotFound(out path);
    }

    private static nint NotFound(out string? path)
    {
        path = null;
        return 0;
    }

    private static bool TryLoad(string path, List<NativeLibraryAttempt> attempts, out nint handle)
    {
        try
        {
            handle = NativeLibrary.Load(path);
            attempts.Add(new NativeLibraryAttempt(path, "loaded"));
            return true;
        }
        catch (Exception error) when (error is DllNotFoundException or BadImageFormatException)
        {
            attempts.Add(new NativeLibraryAttempt(path, Reason(path, error.Message)));
            handle = 0;
            return false;
        }
    }

    // On Linux the loader's own words are the last line, "file: reason", where the file may be one that this one needs; on Windows there is one line.
    private static string Reason(string path, string message)
    {
        string last = message.Split('\n', StringSplitOptions.TrimEntries | StringSplitOptions.RemoveEmptyEntries)[^1];
        return !last.StartsWith($"{path}: ", StringComparison.Ordinal) ? last
            : Path.IsPathRooted(path) ? last[(path.Length + 2)..] : "the system's loader does not find it";
    }

    // NVRTC opens its built-in functions by bare name when it first compiles. Loaded once by path, they are found by that name wherever they lie.
    private static void LoadCompanions(string folder, string? pattern)
    {
        foreach (string file in pattern is null ? [] : Directory.EnumerateFiles(folder, pattern))
        {
            _ = NativeLibrary.TryLoad(file, out _);
        }
    }

    // The loader was given a bare name; the list of loaded modules says which file that was.
    private static string? LoadedFile(string file)
    {
        string stem = file[..(file.LastIndexOf(".so", StringComparison.Ordinal) is > 0 and int end ? end + 3 : file.Length)];
        using Process process = Process.GetCurrentProcess();
        return process.Modules.Cast<ProcessModule>()
            .Select(module => module.FileName)
            .FirstOrDefault(name => Path.GetFileName(name).StartsWith(stem, StringComparison.OrdinalIgnoreCase));
    }

    // Lazy, so that the trace shows an unset variable at its place in the order.
    private IEnumerable<string> Folders(NativeLibraryNames names, List<NativeLibraryAttempt> attempts)
    {
        foreach (string folder in Rooted(OverrideVariable, attempts, ["", .. s_toolkitFolders]))
        {
            yield return folder;
        }

        yield return applicationFolder;
        if (names.IsDriver)
        {
            yield break;
        }

        foreach (string folder in Rooted("CUDA_PATH", attempts, s_toolkitFolders)
            .Concat(Rooted("CUDA_HOME", attempts, s_toolkitFolders))
            .Concat(InstalledToolkits().SelectMany(root => s_toolkitFolders.Select(folder => Path.Combine(root, folder)).Where(Directory.Exists)))
            .Concat(Rooted("CONDA_PREFIX", attempts, [OperatingSystem.IsWindows() ? Path.Combine("Library", "bin") : "lib"]))
            .Concat(SitePackages(attempts).SelectMany(root => names.PipFolders.Select(folder => Path.Combine(root, folder)).Where(Directory.Exists))))
        {
            yield return folder;
        }
    }

    // The folders below the one that a variable names; an unset variable is itself an entry of the trace.
    private IEnumerable<string> Rooted(string variable, List<NativeLibraryAttempt> attempts, string[] folders)
    {
        if (environment(variable) is not { Length: > 0 } root)
        {
            attempts.Add(new NativeLibraryAttempt(variable, "not set"));
            yield break;
        }

        foreach (string folder in folders)
        {
            yield return Path.Combine(root, folder);
        }
    }

    private static IEnumerable<string> InstalledToolkits() => OperatingSystem.IsWindows()
        ? Matching(Path.Combine(Environment.GetFolderPath(Environment.SpecialFolder.ProgramFiles), "NVIDIA GPU Computing Toolkit", "CUDA"), "v*").Reverse()
        : Matching("/usr/local", "cuda*").OrderBy(folder => Path.GetFileName(folder) == "cuda" ? 0 : 1).ThenByDescending(folder => folder, StringComparer.Ordinal);

    // Folders into which pip installs: of the environment in use, of the python3 that a shell would start, of the user, of the system.
    private IEnumerable<string> SitePackages(List<NativeLibraryAttempt> attempts)
    {
        bool windows = OperatingSystem.IsWindows();
        IEnumerable<string> onPath = (environment("PATH") ?? "").Split(Path.PathSeparator, StringSplitOptions.RemoveEmptyEntries)
            .Where(folder => File.Exists(Path.Combine(folder, windows ? "python.exe" : "python3")))
            .Select(folder => windows ? folder : Path.GetDirectoryName(Path.TrimEndingDirectorySeparator(folder)))
            .OfType<string>();
        IEnumerable<string> prefixes = Rooted("VIRTUAL_ENV", attempts, [""])
            .Concat(environment("CONDA_PREFIX") is { Length: > 0 } conda ? [conda] : [])
            .Concat(onPath)
            .Concat(environment("HOME") is { Length: > 0 } home ? [Path.Combine(home, ".local")] : [])
            .Concat(windows ? [] : ["/usr/local", "/usr"])
            .Select(Path.TrimEndingDirectorySeparator)
            .Distinct();
        foreach (string prefix in prefixes)
        {
            if (windows)
            {
                yield return Path.Combine(prefix, "Lib", "site-packages");
                continue;
            }

            foreach (string folder in Matching(Path.Combine(prefix, "lib"), "python3*"))
            {
                yield return Path.Combine(folder, "site-packages");
                yield return Path.Combine(folder, "dist-packages");
            }
        }
    }

    private static IEnumerable<string> Matching(string folder, string pattern) =>
        Directory.Exists(folder) ? Directory.EnumerateDirectories(folder, pattern).Order(StringComparer.Ordinal) : [];
}
