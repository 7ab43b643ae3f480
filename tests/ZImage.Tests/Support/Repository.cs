namespace ZImage.Tests.Support;

/// <summary>Where the repository is on this machine.</summary>
internal static class Repository
{
    /// <summary>The folder of ZImage.sln; for a test bundle without sources, the folder that ZIMAGE_ROOT names.</summary>
    public static string Root { get; } = FindRoot();

    /// <summary>Files under a folder of the repository, build outputs left out.</summary>
    public static IEnumerable<string> Sources(string folder, string pattern)
    {
        string path = Path.Combine(Root, folder);
        string separator = Path.DirectorySeparatorChar.ToString();
        return !Directory.Exists(path)
            ? []
            : Directory.EnumerateFiles(path, pattern, SearchOption.AllDirectories)
                .Where(file => !file.Contains($"{separator}obj{separator}", StringComparison.Ordinal) && !file.Contains($"{separator}bin{separator}", StringComparison.Ordinal));
    }

    private static string FindRoot()
    {
        if (Environment.GetEnvironmentVariable("ZIMAGE_ROOT") is { Length: > 0 } root)
        {
            return root;
        }

        for (DirectoryInfo? folder = new(AppContext.BaseDirectory); folder is not null; folder = folder.Parent)
        {
            if (File.Exists(Path.Combine(folder.FullName, "ZImage.sln")))
            {
                return folder.FullName;
            }
        }

        throw new DirectoryNotFoundException("ZImage.sln is in no folder above the tests; set ZIMAGE_ROOT to the repository.");
    }
}
