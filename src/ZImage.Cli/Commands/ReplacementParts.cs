namespace ZImage.Cli.Commands;

/// <summary>Looks at what options give in place of a checkpoint's own parts, before anything is loaded: the error names the option, not a part of the checkpoint.</summary>
internal static class ReplacementParts
{
    /// <summary>Whether <c>--transformer</c> names a file.</summary>
    /// <param name="path">What it names; null where it is not given.</param>
    /// <exception cref="ModelFormatException">There is no such file.</exception>
    public static void CheckTransformer(string? path)
    {
        if (path is null || File.Exists(path))
        {
            return;
        }

        throw Directory.Exists(path)
            ? new ModelFormatException($"--transformer: '{path}' is a folder", "name the .safetensors file in it; the folder of a whole checkpoint goes to -m")
            : new ModelFormatException($"--transformer: there is no file '{path}'", "check the path");
    }

    /// <summary>Whether the folder has a tokenizer's files.</summary>
    /// <param name="folder">The folder; null where no other tokenizer than the checkpoint's is asked for.</param>
    /// <param name="origin">The option or variable that names it.</param>
    /// <exception cref="ModelFormatException">There is no such folder, or one without those files.</exception>
    public static void CheckTokenizer(string? folder, string origin)
    {
        const string Files = "tokenizer.json, or vocab.json with merges.txt";
        if (folder is null)
        {
            return;
        }

        if (!Directory.Exists(folder))
        {
            throw File.Exists(folder)
                ? new ModelFormatException($"{origin}: '{folder}' is a file", $"name the folder that holds {Files}")
                : new ModelFormatException($"{origin}: there is no folder '{folder}'", $"check the path; the folder holds {Files}");
        }

        bool Has(string file) => File.Exists(Path.Combine(folder, file));
        if (!Has("tokenizer.json") && !(Has("vocab.json") && Has("merges.txt")))
        {
            throw new ModelFormatException(
                $"{origin}: '{folder}' has no tokenizer.json, and not both of vocab.json and merges.txt",
                "name the folder that holds them; in a checkpoint that is tokenizer/");
        }
    }
}
