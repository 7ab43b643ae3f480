namespace ZImage;

/// <summary>Writes files aside and renames them, so that no half-written file ever stands under the final name.</summary>
internal static class AtomicFile
{
    /// <summary>Writes a file.</summary>
    /// <param name="path">Final name; its folder must exist.</param>
    /// <param name="overwrite">Whether an existing file is replaced. If not, the check and the renaming are one step.</param>
    /// <param name="write">Writes the content. What it throws is passed on, except for errors of the file system; the file is then gone.</param>
    /// <param name="expectedBytes">Size of the file where it is known: space is asked for first, so that a full disk is told at once.</param>
    /// <exception cref="OutputException">The file exists and must not be replaced, or it cannot be written.</exception>
    public static void Write(string path, bool overwrite, Action<Stream> write, long expectedBytes = 0)
    {
        ArgumentException.ThrowIfNullOrEmpty(path);
        ArgumentNullException.ThrowIfNull(write);
        if (Directory.Exists(path))
        {
            throw new OutputException(path, "it is a folder", "Name a file in it.");
        }

        if (!overwrite && File.Exists(path))
        {
            throw Exists(path, null);
        }

        string folder = Path.GetDirectoryName(Path.GetFullPath(path))!;
        string aside = Path.Combine(folder, $".zimage-{Guid.NewGuid():N}.tmp");
        try
        {
            FileStreamOptions options = new()
            {
                Mode = FileMode.CreateNew,
                Access = FileAccess.Write,
                Share = FileShare.None,
                BufferSize = 1 << 16,
                PreallocationSize = expectedBytes,
            };
            using (var stream = new FileStream(aside, options))
            {
                write(stream);
            }

            File.Move(aside, path, overwrite);
        }
        catch (Exception error)
        {
            Delete(aside);
            switch (error)
            {
                case DirectoryNotFoundException:
                    throw new OutputException(path, "its folder does not exist", "Create the folder first.", error);
                case UnauthorizedAccessException:
                    throw new OutputException(path, "writing there is not permitted", "Choose another folder, or change its permissions.", error);
                case IOException when !overwrite && File.Exists(path):
                    throw Exists(path, error);
                case IOException:
                    throw new OutputException(path, error.Message, "Check the free space and the name, or choose another folder.", error);
                default:
                    throw;
            }
        }
    }

    private static OutputException Exists(string path, Exception? cause) =>
        new(path, "it exists already", "Choose another name, or allow replacing it (--force).", cause);

    private static void Delete(string path)
    {
        try
        {
            File.Delete(path);
        }
        catch (Exception error) when (error is IOException or UnauthorizedAccessException)
        {
            // The first error is the one to report.
        }
    }
}
