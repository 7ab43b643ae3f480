namespace ZImage.Cli;

/// <summary>Checks a file that a run will write, before anything slow begins.</summary>
internal static class OutputTarget
{
    /// <summary>Whether <paramref name="path"/> can be written now.</summary>
    /// <exception cref="UsageException">Its folder is missing or not writable, it is a folder, or it exists and may not be replaced.</exception>
    public static void Check(string path, string option, bool force)
    {
        if (path.Length == 0)
        {
            throw new UsageException($"{option}: the file name is empty", "name a file");
        }

        if (path == "-")
        {
            throw new UsageException($"{option}: standard output takes a picture only", "name a file");
        }

        if (Directory.Exists(path))
        {
            throw new UsageException($"{option}: '{path}' is a folder", $"name a file in it, such as {Path.Combine(path, "picture.png")}");
        }

        if (File.Exists(path))
        {
            if (!force)
            {
                throw new UsageException($"{option}: '{path}' exists", "choose another name, or overwrite it with --force");
            }

            if (File.GetAttributes(path).HasFlag(FileAttributes.ReadOnly))
            {
                throw new UsageException($"{option}: '{path}' is read-only", "choose another name, or make the file writable");
            }
        }

        string folder = Path.GetDirectoryName(Path.GetFullPath(path))!;
        if (!Directory.Exists(folder))
        {
            throw new UsageException($"{option}: there is no folder '{folder}'", $"create it first: mkdir -p '{folder}'");
        }

        Probe(folder, option);
    }

    /// <summary>Prepares a folder for a dump: made where it is missing, and empty of earlier dumps unless they may be replaced.</summary>
    /// <exception cref="UsageException">It cannot be made or written, or holds a dump.</exception>
    public static void CheckDumpFolder(string path, bool force)
    {
        const string Option = "--dump-tensors";
        Commands.ArgumentCheck.ThrowOnEmptyName(Option, path, "folder");
        if (File.Exists(path))
        {
            throw new UsageException($"{Option}: '{path}' is a file, not a folder", "name another folder; it is made where it is missing");
        }

        try
        {
            Directory.CreateDirectory(path);
        }
        catch (Exception exception) when (exception is IOException or UnauthorizedAccessException or ArgumentException)
        {
            throw new UsageException($"{Option}: '{path}' cannot be created: {exception.Message}", "check the path, its permissions and the free space", exception);
        }

        if (!force && Directory.EnumerateFiles(path, "*.safetensors").Any())
        {
            throw new UsageException($"{Option}: '{path}' holds a dump already", "choose another folder, or overwrite it with --force");
        }

        Probe(path, Option);
    }

    /// <summary>Only writing tells whether a folder can be written: permissions, read-only mounts and quotas all look different.</summary>
    private static void Probe(string folder, string option)
    {
        string probe = Path.Combine(folder, $".zimage-{Guid.NewGuid():N}.tmp");
        try
        {
            using FileStream stream = new(probe, FileMode.CreateNew, FileAccess.Write, FileShare.None, 1, FileOptions.DeleteOnClose);
            stream.WriteByte(0);
        }
        catch (Exception exception) when (exception is IOException or UnauthorizedAccessException)
        {
            throw new UsageException($"{option}: the folder '{folder}' cannot be written: {exception.Message}", "check its permissions and the free space", exception);
        }
    }
}
