using ZImage.Weights;

namespace ZImage.Cli;

/// <summary>Where the checkpoint of a run comes from: the option, then the environment, then the model beside the program.</summary>
internal static class ModelLocator
{
    /// <summary>The environment's twin of <c>--model</c>.</summary>
    public const string Variable = "ZIMAGE_MODEL";

    private const string Download =
        "download one, for example `hf download Tongyi-MAI/Z-Image-Turbo --local-dir Z-Image-Turbo`, then pass `-m Z-Image-Turbo` or set ZIMAGE_MODEL";

    /// <summary>The folder of the checkpoint to use.</summary>
    /// <param name="option">What the command line names; null where it names nothing.</param>
    /// <param name="environment">Reads environment variables.</param>
    /// <param name="origin">How an error calls <paramref name="option"/>.</param>
    /// <exception cref="UsageException">Nothing names one.</exception>
    /// <exception cref="ModelFormatException">What is named does not exist.</exception>
    public static string Locate(string? option, Func<string, string?> environment, string origin = "--model")
    {
        string? fromVariable = environment(Variable);
        (string? path, string source) = !string.IsNullOrEmpty(option) ? (option, origin)
            : !string.IsNullOrEmpty(fromVariable) ? (fromVariable, Variable)
            : (Bundled(), "the bundled model");
        if (path is null)
        {
            throw new UsageException("no model: neither --model nor ZIMAGE_MODEL names a checkpoint folder", Download);
        }

        if (!SyntheticCheckpoint.IsName(path) && !Directory.Exists(path) && !File.Exists(path))
        {
            throw new ModelFormatException($"there is no '{path}' (from {source})", Download);
        }

        return path;
    }

    /// <summary>The miniature model beside the program; null where it is not installed.</summary>
    private static string? Bundled()
    {
        string folder = Path.Combine(AppContext.BaseDirectory, "models", "miniature");
        return File.Exists(Path.Combine(folder, "model_index.json")) ? folder : null;
    }
}
