namespace ZImage.Backends.Cuda;

internal sealed partial class KernelCache
{
    /// <summary>What another version of the engine, of its kernels or of the compiler left for the same architecture, and has not used since.</summary>
    public static readonly TimeSpan OtherVersionsLast = TimeSpan.FromDays(7);

    /// <summary>What was left for another architecture.</summary>
    public static readonly TimeSpan OtherArchitecturesLast = TimeSpan.FromDays(90);

    private static readonly TimeSpan s_aDay = TimeSpan.FromDays(1);

    /// <summary>
    /// Removes what is not of this engine and has not been used for long, and what crashes left half written. Other processes may use the cache
    /// meanwhile: a folder is renamed before it is emptied, so that they find all of it or, and then they compile, nothing.
    /// </summary>
    /// <param name="units">All units of this engine; theirs stay.</param>
    /// <param name="target">What it compiles for.</param>
    /// <param name="compiler">The compiler's version.</param>
    /// <param name="now">The time, UTC.</param>
    public void Prune(IReadOnlyCollection<KernelSource> units, KernelTarget target, Version compiler, DateTime now)
    {
        if (root is null)
        {
            return;
        }

        HashSet<string> own = [.. units.Select(unit => FolderName(unit, target, compiler))];
        try
        {
            foreach (DirectoryInfo folder in new DirectoryInfo(root).GetDirectories())
            {
                TimeSpan? lasts = folder.Name.StartsWith('.') ? s_aDay
                    : own.Contains(folder.Name) ? null
                    : folder.Name.Split('.') is not [_, .., string architecture, { Length: 32 }] ? null
                    : architecture == target.Architecture ? OtherVersionsLast : OtherArchitecturesLast;
                if (lasts is { } limit && now - folder.LastWriteTimeUtc > limit)
                {
                    Remove(folder);
                }
            }
        }
        catch (Exception exception) when (exception is IOException or UnauthorizedAccessException)
        {
            // No cache yet, or none that can be read: then nothing is in the way either.
        }
    }

    private static void MarkUse(string folder, DateTime now)
    {
        try
        {
            if (now - Directory.GetLastWriteTimeUtc(folder) > s_aDay)
            {
                Directory.SetLastWriteTimeUtc(folder, now);
            }
        }
        catch (Exception exception) when (exception is IOException or UnauthorizedAccessException)
        {
            // A cache that is only read keeps no times.
        }
    }

    private static void Remove(DirectoryInfo folder)
    {
        try
        {
            string aside = folder.FullName;
            if (!folder.Name.StartsWith('.'))
            {
                aside = Path.Combine(folder.Parent!.FullName, $".{Guid.NewGuid():N}");
                Directory.Move(folder.FullName, aside);
            }

            Discard(aside);
        }
        catch (Exception exception) when (exception is IOException or UnauthorizedAccessException)
        {
            // Somebody else was faster, or is reading it: another time.
        }
    }
}
