using System.Buffers;
using System.Globalization;
using System.Text;

namespace ZImage.Text;

/// <summary>Finds added tokens in a text: leftmost first, the longest of those that start there.</summary>
internal sealed class AddedTokenMatcher
{
    private readonly Dictionary<string, AddedToken>.AlternateLookup<ReadOnlySpan<char>> tokens;
    private readonly Dictionary<char, int[]> lengths;
    private readonly SearchValues<char> firstChars;

    /// <summary>Creates the matcher; of two tokens with the same text the first counts.</summary>
    internal AddedTokenMatcher(IEnumerable<(string Text, AddedToken Token)> entries)
    {
        var byText = new Dictionary<string, AddedToken>(StringComparer.Ordinal);
        foreach ((string text, AddedToken token) in entries)
        {
            byText.TryAdd(text, token);
        }

        tokens = byText.GetAlternateLookup<ReadOnlySpan<char>>();
        lengths = byText.Keys.GroupBy(t => t[0]).ToDictionary(
            g => g.Key,
            g => g.Select(t => t.Length).Distinct().OrderDescending().ToArray());
        firstChars = SearchValues.Create([.. lengths.Keys]);
    }

    /// <summary>A stretch of the text: an added token, or text between two of them.</summary>
    /// <param name="Start">First UTF-16 unit.</param>
    /// <param name="Length">Number of UTF-16 units.</param>
    /// <param name="Token">The token; null for text.</param>
    internal readonly record struct Segment(int Start, int Length, AddedToken? Token);

    /// <summary>Cuts a text into its added tokens and what is between them.</summary>
    internal List<Segment> Split(ReadOnlySpan<char> text)
    {
        var segments = new List<Segment>();
        int taken = 0, position = 0;
        while (Find(text, position) is { Token: AddedToken token } match)
        {
            int start = match.Start, end = match.Start + match.Length;
            position = end;
            if (token.SingleWord && (EndsWithWord(text[..start]) || StartsWithWord(text[end..])))
            {
                continue;
            }

            // White space that the token before has taken stays taken.
            start = token.StripLeft ? Math.Max(taken, text[..start].TrimEnd().Length) : start;
            end = token.StripRight ? text.Length - text[end..].TrimStart().Length : end;
            if (taken < start)
            {
                segments.Add(new Segment(taken, start - taken, null));
            }

            segments.Add(new Segment(start, end - start, token));
            taken = end;
        }

        if (taken < text.Length)
        {
            segments.Add(new Segment(taken, text.Length - taken, null));
        }

        return segments;
    }

    private Segment Find(ReadOnlySpan<char> text, int from)
    {
        while (from < text.Length)
        {
            int hit = text[from..].IndexOfAny(firstChars);
            if (hit < 0)
            {
                break;
            }

            int start = from + hit;
            foreach (int length in lengths[text[start]])
            {
                if (length <= text.Length - start && tokens.TryGetValue(text.Slice(start, length), out AddedToken? token))
                {
                    return new Segment(start, length, token);
                }
            }

            from = start + 1;
        }

        return default;
    }

    private static bool EndsWithWord(ReadOnlySpan<char> text) =>
        Rune.DecodeLastFromUtf16(text, out Rune rune, out _) == OperationStatus.Done && IsWordCharacter(rune);

    private static bool StartsWithWord(ReadOnlySpan<char> text) =>
        Rune.DecodeFromUtf16(text, out Rune rune, out _) == OperationStatus.Done && IsWordCharacter(rune);

    // \w: alphabetic, marks, decimal digits, connectors and the two joiners. Enclosed letters are symbols that count as alphabetic.
    private static bool IsWordCharacter(Rune rune) => Rune.GetUnicodeCategory(rune) switch
    {
        UnicodeCategory.UppercaseLetter or UnicodeCategory.LowercaseLetter or UnicodeCategory.TitlecaseLetter
            or UnicodeCategory.ModifierLetter or UnicodeCategory.OtherLetter or UnicodeCategory.LetterNumber
            or UnicodeCategory.NonSpacingMark or UnicodeCategory.SpacingCombiningMark or UnicodeCategory.EnclosingMark
            or UnicodeCategory.DecimalDigitNumber or UnicodeCategory.ConnectorPunctuation => true,
        _ => rune.Value is 0x200C or 0x200D or (>= 0x24B6 and <= 0x24E9)
            or (>= 0x1F130 and <= 0x1F149) or (>= 0x1F150 and <= 0x1F169) or (>= 0x1F170 and <= 0x1F189),
    };
}
