using System.Globalization;
using System.Text;
using NUnit.Framework;
using ZImage.Text;

namespace ZImage.Tests.Text;

/// <summary>Expected pieces are those of the Rust library tokenizers 0.22.2 (Oniguruma 6.9.10) with the same pattern.</summary>
internal sealed class PreTokenizerTests
{
    private static readonly object[] Cases =
    [
        new object[] { SplitPattern.Qwen2, "a  b   c", new[] { "a", " ", " b", "  ", " c" } },
        new object[] { SplitPattern.Qwen2, "  \n  x", new[] { "  \n", " ", " x" } },
        new object[] { SplitPattern.Qwen2, "x \n\n", new[] { "x", " \n\n" } },
        new object[] { SplitPattern.Qwen2, "   ", new[] { "   " } },
        new object[] { SplitPattern.Qwen2, "a!\r\n\r\nb", new[] { "a", "!\r\n\r\n", "b" } },
        new object[] { SplitPattern.Qwen2, " 12345 6", new[] { " ", "1", "2", "3", "4", "5", " ", "6" } },
        new object[] { SplitPattern.Qwen2, "IT'S it'\u017F 'll", new[] { "IT", "'S", " it", "'\u017F", " '", "ll" } },
        new object[] { SplitPattern.Qwen2, "\u0301a b\u0301c \u0301", new[] { "\u0301a", " b", "\u0301c", " \u0301" } },
        new object[] { SplitPattern.Qwen2, "\U00020000\U0001D49C \U0001D7D8\U0001D7D9", new[] { "\U00020000\U0001D49C", " ", "\U0001D7D8", "\U0001D7D9" } },
        new object[] { SplitPattern.Qwen2, "a\u0085\u3000b\u200Bc", new[] { "a", "\u0085", "\u3000b", "\u200Bc" } },
        new object[] { SplitPattern.Qwen2, "!? ...x", new[] { "!?", " ...", "x" } },
        new object[] { SplitPattern.Qwen2, "हिन्दी", new[] { "ह", "िन", "्द", "ी" } },
        new object[] { SplitPattern.Qwen2Marks, "\u0301a b\u0301c \u0301", new[] { "\u0301a", " b\u0301c", " \u0301" } },
        new object[] { SplitPattern.Qwen2Marks, "हिन्दी", new[] { "हिन्दी" } },
        new object[] { SplitPattern.Qwen2DigitTriples, " 12345 6", new[] { " ", "123", "45", " ", "6" } },
        new object[] { SplitPattern.Gpt2, "a  b   c", new[] { "a", " ", " b", "  ", " c" } },
        new object[] { SplitPattern.Gpt2, "  \n  x", new[] { "  \n ", " x" } },
        new object[] { SplitPattern.Gpt2, "a!\r\n\r\nb", new[] { "a", "!", "\r\n\r", "\n", "b" } },
        new object[] { SplitPattern.Gpt2, " 12345 6", new[] { " 12345", " 6" } },
        new object[] { SplitPattern.Gpt2, "IT'S it'\u017F 'll", new[] { "IT", "'", "S", " it", "'", "\u017F", " '", "ll" } },
        new object[] { SplitPattern.Gpt2, "हिन्दी", new[] { "ह", "ि", "न", "्", "द", "ी" } },
    ];

    [TestCaseSource(nameof(Cases))]
    public void Pieces_are_those_of_the_pattern(object pattern, string text, string[] pieces)
    {
        var scanner = new PreTokenizer((SplitPattern)pattern);
        var found = new List<string>();
        for (int i = 0; i < text.Length; i += found[^1].Length)
        {
            found.Add(text.Substring(i, scanner.NextPiece(text.AsSpan(i))));
        }

        Assert.That(found, Is.EqualTo(pieces));
    }

    // The ids hang on the runtime's Unicode data. Oniguruma 6.9.10, asked for each code point, has these many members of \p{L}, \p{N}, \p{M} and \s.
    // A failure after a runtime upgrade means newer Unicode data: new letters split differently from the reference.
    [Test]
    public void The_runtime_counts_letters_numbers_marks_and_spaces_as_the_reference()
    {
        int letters = 0, numbers = 0, marks = 0, spaces = 0;
        for (int point = 0; point < 0x110000; point++)
        {
            if (!Rune.TryCreate(point, out Rune rune))
            {
                continue;
            }

            letters += Rune.IsLetter(rune) ? 1 : 0;
            numbers += Rune.IsNumber(rune) ? 1 : 0;
            marks += Rune.GetUnicodeCategory(rune) is UnicodeCategory.NonSpacingMark or UnicodeCategory.SpacingCombiningMark or UnicodeCategory.EnclosingMark ? 1 : 0;
            spaces += Rune.IsWhiteSpace(rune) ? 1 : 0;
        }

        Assert.That((letters, numbers, marks, spaces), Is.EqualTo((141_028, 1_911, 2_501, 25)));
    }
}
