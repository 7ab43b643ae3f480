using System.Globalization;
using System.Text;

namespace ZImage.Text;

/// <summary>
/// Cuts text into the pieces that byte-pair encoding must not cross, exactly as the stored pattern does in Oniguruma, the regular-expression engine of the
/// reference tokenizer. A hand-written scanner, because .NET's Regex sees UTF-16 units: \p{L} would miss every letter above U+FFFF.
/// </summary>
/// <remarks>
/// \s is Unicode White_Space (25 characters, U+0085, U+00A0 and U+3000 among them, U+200B not). Categories are those of the runtime: Unicode 16.0 in .NET 10,
/// the same for all code points as Oniguruma 6.9.10. A newer runtime may know more letters.
/// </remarks>
internal sealed class PreTokenizer(SplitPattern pattern)
{
    private readonly bool marksInWords = pattern == SplitPattern.Qwen2Marks;
    private readonly int digitsPerPiece = pattern == SplitPattern.Qwen2DigitTriples ? 3 : 1;

    private enum CharClass : byte
    {
        Other,
        Letter,
        Mark,
        Number,
        Space,
        Newline,
    }

    /// <summary>Length in UTF-16 units of the first piece of a text that starts at a piece's boundary.</summary>
    /// <param name="text">Well-formed UTF-16, not empty.</param>
    internal int NextPiece(ReadOnlySpan<char> text)
    {
        if (pattern == SplitPattern.Gpt2)
        {
            return NextPieceGpt2(text);
        }

        if (Contraction(text, ignoreCase: true) is int contraction and > 0)
        {
            return contraction;
        }

        CharClass first = Classify(text, out int length);
        bool hasNext = length < text.Length;
        CharClass second = hasNext ? Classify(text[length..], out _) : default;

        // [^\r\n\p{L}\p{N}]?\p{L}+
        if (first == CharClass.Letter)
        {
            return length + WordRun(text[length..]);
        }

        if (first is not (CharClass.Newline or CharClass.Number) && hasNext && IsWord(second))
        {
            return length + WordRun(text[length..]);
        }

        if (IsWord(first))
        {
            return length;
        }

        // \p{N} or \p{N}{1,3}
        if (first == CharClass.Number)
        {
            return length + NumberRun(text[length..], digitsPerPiece - 1);
        }

        // ' ?[^\s\p{L}\p{N}]+[\r\n]*'
        if (IsSymbol(first) || (text[0] == ' ' && hasNext && IsSymbol(second)))
        {
            int end = length + SymbolRun(text[length..]);
            while (end < text.Length && text[end] is '\r' or '\n')
            {
                end++;
            }

            return end;
        }

        // \s*[\r\n]+ ends with the run's last line end: the greedy \s* takes the whole run and gives back what follows it.
        int run = SpaceRun(text);
        int lastNewline = text[..run].LastIndexOfAny('\r', '\n');
        return lastNewline >= 0 ? lastNewline + 1 : SpacePiece(text, run);
    }

    private int NextPieceGpt2(ReadOnlySpan<char> text)
    {
        if (Contraction(text, ignoreCase: false) is int contraction and > 0)
        {
            return contraction;
        }

        int skip = text[0] == ' ' && text.Length > 1 ? 1 : 0;
        CharClass first = Classify(text[skip..], out int length);
        int start = skip + length;
        switch (first)
        {
            case CharClass.Letter:
                return start + WordRun(text[start..]);
            case CharClass.Number:
                return start + NumberRun(text[start..], int.MaxValue);
            case CharClass.Space or CharClass.Newline:
                return SpacePiece(text, SpaceRun(text));
            default:
                return start + SymbolRun(text[start..]);
        }
    }

    // \s+(?!\S)|\s+ : a run before a word leaves its last character to the word.
    private static int SpacePiece(ReadOnlySpan<char> text, int run) => run == text.Length || run == 1 ? run : run - 1;

    // 's 't 're 've 'm 'll 'd; under (?i:) U+017F folds to s. No other character beyond ASCII folds to one of these letters.
    private static int Contraction(ReadOnlySpan<char> text, bool ignoreCase)
    {
        if (text.Length < 2 || text[0] != '\'')
        {
            return 0;
        }

        char first = Fold(text[1], ignoreCase);
        if (first is 's' or 't' or 'm' or 'd')
        {
            return 2;
        }

        char second = text.Length > 2 ? Fold(text[2], ignoreCase) : '\0';
        return (first, second) is ('r', 'e') or ('v', 'e') or ('l', 'l') ? 3 : 0;
    }

    private static char Fold(char c, bool ignoreCase) =>
        !ignoreCase ? c : c == '\u017F' ? 's' : char.IsAsciiLetterUpper(c) ? (char)(c | 0x20) : c;

    private bool IsWord(CharClass c) => c == CharClass.Letter || (marksInWords && c == CharClass.Mark);

    private bool IsSymbol(CharClass c) => c == CharClass.Other || (!marksInWords && c == CharClass.Mark);

    private int WordRun(ReadOnlySpan<char> text)
    {
        int end = 0;
        while (end < text.Length && IsWord(Classify(text[end..], out int length)))
        {
            end += length;
        }

        return end;
    }

    private int SymbolRun(ReadOnlySpan<char> text)
    {
        int end = 0;
        while (end < text.Length && IsSymbol(Classify(text[end..], out int length)))
        {
            end += length;
        }

        return end;
    }

    private static int NumberRun(ReadOnlySpan<char> text, int most)
    {
        int end = 0;
        for (int i = 0; i < most && end < text.Length && Classify(text[end..], out int length) == CharClass.Number; i++)
        {
            end += length;
        }

        return end;
    }

    // White space has no member above U+FFFF.
    private static int SpaceRun(ReadOnlySpan<char> text)
    {
        int end = 0;
        while (end < text.Length && char.IsWhiteSpace(text[end]))
        {
            end++;
        }

        return end;
    }

    private static CharClass Classify(ReadOnlySpan<char> text, out int length)
    {
        Rune.DecodeFromUtf16(text, out Rune rune, out length);
        if (rune.IsAscii)
        {
            char c = (char)rune.Value;
            return char.IsAsciiLetter(c) ? CharClass.Letter
                : char.IsAsciiDigit(c) ? CharClass.Number
                : c is '\r' or '\n' ? CharClass.Newline
                : c is ' ' or (>= '\t' and <= '\f') ? CharClass.Space
                : CharClass.Other;
        }

        if (Rune.IsWhiteSpace(rune))
        {
            return CharClass.Space;
        }

        return Rune.GetUnicodeCategory(rune) switch
        {
            UnicodeCategory.UppercaseLetter or UnicodeCategory.LowercaseLetter or UnicodeCategory.TitlecaseLetter
                or UnicodeCategory.ModifierLetter or UnicodeCategory.OtherLetter => CharClass.Letter,
            UnicodeCategory.NonSpacingMark or UnicodeCategory.SpacingCombiningMark or UnicodeCategory.EnclosingMark => CharClass.Mark,
            UnicodeCategory.DecimalDigitNumber or UnicodeCategory.LetterNumber or UnicodeCategory.OtherNumber => CharClass.Number,
            _ => CharClass.Other,
        };
    }
}
