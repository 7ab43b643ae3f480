using ZImage.Imaging;

namespace ZImage.Cli.Commands;

/// <summary>Prints the texts of a PNG file.</summary>
internal static class PictureInfo
{
    /// <summary>Writes them: all as <c>keyword: text</c>, or our own settings as the JSON that they are.</summary>
    /// <exception cref="ImageFormatException">The file is no PNG.</exception>
    /// <exception cref="InvalidRequestException">JSON is wanted and the picture holds no settings of ours.</exception>
    public static void Write(CommandContext context, string path, bool json)
    {
        IReadOnlyList<PngText> texts = PngReader.ReadText(path);
        if (json)
        {
            context.Out.WriteLine(GenerationMetadata.FromTexts(texts, Path.GetFileName(path)).ToJson());
            return;
        }

        foreach (PngText text in texts)
        {
            context.Out.WriteLine($"{text.Keyword}: {Printable(text.Text)}");
        }

        if (texts.Count == 0)
        {
            context.Warn($"'{path}' holds no texts");
        }
    }

    /// <summary>Control characters of a foreign file could drive the terminal.</summary>
    private static string Printable(string text) =>
        string.Concat(text.Select(c => char.IsControl(c) && c is not ('\n' or '\t') ? '\uFFFD' : c));
}
