using System.Globalization;
using System.Text;
using NUnit.Framework;
using ZImage.Text;

namespace ZImage.Tests.Text;

internal sealed class NfcNormalizerTests
{
    [Test]
    public void Every_decomposition_and_many_sequences_agree_with_unicodedata()
    {
        int cases = 0;
        foreach (string line in File.ReadLines(TextTestData.Here("nfc_vectors.txt")))
        {
            if (line.StartsWith('#'))
            {
                continue;
            }

            string[] fields = line.Split(';');
            Assert.That(Code(NfcNormalizer.Normalize(Text(fields[0]))), Is.EqualTo(fields[1]), line);
            Assert.That(Code(NfcNormalizer.Normalize(Text(fields[1]))), Is.EqualTo(fields[1]), line);
            cases++;
        }

        Assert.That(cases, Is.GreaterThan(6000));
    }

    [Test]
    public void All_hangul_syllables_compose_from_their_jamo()
    {
        // Unicode, section 3.12: the syllables stand in the order of their leading consonant, vowel and trailing consonant.
        int syllable = 0xAC00;
        for (char l = '\u1100'; l <= '\u1112'; l++)
        {
            for (char v = '\u1161'; v <= '\u1175'; v++)
            {
                Assert.That(NfcNormalizer.Normalize($"{l}{v}"), Is.EqualTo($"{(char)syllable}"));
                for (char t = '\u11A8'; t <= '\u11C2'; t++)
                {
                    Assert.That(NfcNormalizer.Normalize($"{l}{v}{t}"), Is.EqualTo($"{(char)(syllable + t - 0x11A7)}"));
                }

                syllable += 28;
            }
        }

        Assert.That(syllable, Is.EqualTo(0xD7A4));
    }

    [Test]
    public void Text_without_marks_is_handed_back_as_it_is()
    {
        string text = "Café \u00C5 ÿ \u02FF";

        Assert.That(NfcNormalizer.Normalize(text), Is.SameAs(text));
        Assert.That(NfcNormalizer.Normalize(""), Is.Empty);
    }

    [Test]
    public void Marks_younger_than_the_reference_keep_their_place()
    {
        // U+08D3 (Unicode 11, class 220) would move before U+0301 (230); U+11938 (Unicode 13) would compose. The reference does neither.
        Assert.That(NfcNormalizer.Normalize("a\u0301\u08D3"), Is.EqualTo("\u00E1\u08D3"));
        Assert.That(NfcNormalizer.Normalize("x\u0301\u08D3"), Is.EqualTo("x\u0301\u08D3"));
        Assert.That(NfcNormalizer.Normalize("\U00011935\U00011930"), Is.EqualTo("\U00011935\U00011930"));
    }

    private static string Text(string code)
    {
        var text = new StringBuilder();
        foreach (string point in code.Split(' '))
        {
            text.Append(char.ConvertFromUtf32(int.Parse(point, NumberStyles.HexNumber, CultureInfo.InvariantCulture)));
        }

        return text.ToString();
    }

    private static string Code(string text) => string.Join(' ', text.EnumerateRunes().Select(r => $"{r.Value:X}"));
}
