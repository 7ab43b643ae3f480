using System.Buffers;

namespace ZImage.Imaging;

/// <summary>A text chunk of a PNG file.</summary>
/// <param name="Keyword">1 to 79 printable Latin-1 characters without leading, trailing or doubled spaces.</param>
/// <param name="Text">Any text without NUL.</param>
public readonly record struct PngText(string Keyword, string Text)
{
    private static readonly SearchValues<char> Latin1 = SearchValues.Create(
        [.. Enumerable.Range(0x20, 0x5F).Concat(Enumerable.Range(0xA1, 0x5F)).Append('\n').Select(c => (char)c)]);

    /// <summary>Whether a tEXt chunk holds the text: Latin-1 whose only control character is the line feed.</summary>
    internal bool FitsLatin1 => !Text.AsSpan().ContainsAnyExcept(Latin1);

    /// <exception cref="ArgumentException">The keyword or the text cannot stand in a PNG file.</exception>
    internal void Check()
    {
        if (Keyword is null or { Length: 0 or > 79 }
            || Keyword.AsSpan().ContainsAnyExcept(Latin1)
            || Keyword.Contains('\n')
            || Keyword[0] == ' '
            || Keyword[^1] == ' '
            || Keyword.Contains("  ", StringComparison.Ordinal))
        {
            throw new ArgumentException($"\"{Keyword}\" cannot be a PNG text keyword: 1 to 79 printable Latin-1 characters are allowed.");
        }

        if (Text is null || Text.Contains('\0'))
        {
            throw new ArgumentException($"The PNG text \"{Keyword}\" holds a NUL character or is null.");
        }
    }
}
