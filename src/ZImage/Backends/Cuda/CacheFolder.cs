namespace ZImage.Backends.Cuda;

/// <summary>Where things are kept that cost time to make again and are never missed: compiled kernels, chosen algorithms.</summary>
internal static class CacheFolder
{
    /// <summary>
    /// ZIMAGE_CACHE; else zimage in XDG_CACHE_HOME; else ~/.cache/zimage, on Windows %LOCALAPPDATA%\zimage\cache. Not necessarily there yet.
    /// </summary>
    /// <returns>The folder; null where the system names none.</returns>
    public static string? OfProcess() =>
        Find(Environment.GetEnvironmentVariable, OperatingSystem.IsWindows()) is { } folder ? Path.GetFullPath(folder) : null;

    /// <summary>The same over a given environment.</summary>
    /// <param name="environment">Reads a variable; null for one that is not set.</param>
    /// <param name="windows">Whether the rules of Windows hold.</param>
    public static string? Find(Func<string, string?> environment, bool windows)
    {
        if (environment("ZIMAGE_CACHE") is { Length: > 0 } chosen)
        {
            return chosen;
        }

        if (environment("XDG_CACHE_HOME") is { Length: > 0 } caches)
        {
            return Path.Combine(caches, "zimage");
        }

        return windows
            ? environment("LOCALAPPDATA") is { Length: > 0 } local ? Path.Combine(local, "zimage", "cache") : null
            : environment("HOME") is { Length: > 0 } home ? Path.Combine(home, ".cache", "zimage") : null;
    }
}
