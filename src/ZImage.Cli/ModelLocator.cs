using ZImage.Weights;

namespace ZImage.Cli;

/// <summary>Where the checkpoint of a run comes from: the option, then the environment, then the miniature that comes with the tool.</summary>
internal static class ModelLocator
{
    /// <summary>The environment's twin of <c>--model</c>.</summary>
    public const string Variable = "ZIMAGE_MODEL";

    private const string Repository = "Tongyi-MAI/Z-Image-Turbo";

    private const string Download =
        $"download one, for example `hf download {Repository} --local-dir Z-Image-Turbo`, then pass `-m Z-Image-Turbo` or set ZIMAGE_MODEL";

    private const string Note =
        $"model: the bundled miniature, which draws flat shapes and short words; the real one: hf download {Repository} --local-dir Z-Image-Turbo, then -m Z-Image-Turbo";

    /// <summary>The folder of the checkpoint to use.</summary>
    /// <param name="option">What the command line names; null where it names nothing.</param>
    /// <param name="context">The environment, and the bundled model.</param>
    /// <param name="announce">Whether a line on standard error tells when it is the bundled model.</param>
    /// <param name="origin">How an error calls <paramref name="option"/>.</param>
    /// <exception cref="UsageException">Nothing names one, and none came with the tool.</exception>
    /// <exception cref="ModelFormatException">What is named does not exist.</exception>
    public static string Locate(string? option, CommandContext context, bool announce = true, string origin = "--model")
    {
        string? fromVariable = context.Environment(Variable);
        (string? path, string source) = !string.IsNullOrEmpty(option) ? (option, origin) : (fromVariable, Variable);
        if (string.IsNullOrEmpty(path))
        {
            if (context.BundledModel is not { } bundled)
            {
                throw new UsageException("no model: neither --model nor ZIMAGE_MODEL names a checkpoint folder", Download);
            }

            if (announce)
            {
                context.Error.WriteLine(Note);
            }

            return bundled;
        }

        if (!SyntheticCheckpoint.IsName(path) && !Directory.Exists(path) && !File.Exists(path))
        {
            throw new ModelFormatException($"there is no '{path}' (from {source})", Download);
        }

        return path;
    }

    /// <summary>The miniature model in the program's own folder, wherever that is and whatever the current folder; null where it did not come with it.</summary>
    public static string? BesideProgram()
    {
        string folder = Path.Combine(AppContext.BaseDirectory, "models", "nano");
        return ModelIndex.IsIn(folder) ? folder : null;
    }
}
