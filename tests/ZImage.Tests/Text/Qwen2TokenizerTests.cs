using System.Diagnostics;
using CsCheck;
using NUnit.Framework;
using ZImage.Text;

namespace ZImage.Tests.Text;

/// <summary>Expected ids are those of the Rust library tokenizers 0.22.2 for golden/tokenizer-tiny.</summary>
internal sealed class Qwen2TokenizerTests
{
    [TestCase("", new int[0])]
    [TestCase("A red cat sitting on a wooden table", new[] { 32, 772, 744, 654, 384, 280, 1189, 1025 })]
    [TestCase("一只可爱的小猫坐在窗台上", new[] { 1794, 975, 107, 163, 230, 109, 1452, 1123, 1451, 161, 251, 238, 1438, 163, 103, 245, 975, 108, 1433 })]
    [TestCase("Cafe\u0301 cafés", new[] { 34, 678, 127, 102, 265, 678, 127, 102, 82 })]
    [TestCase("I'M it'\u017Fx don't", new[] { 40, 6, 44, 334, 6, 129, 123, 87, 282, 263, 1700 })]
    [TestCase("8k 1920x1080", new[] { 23, 74, 220, 16, 24, 17, 15, 87, 16, 15, 23, 15 })]
    [TestCase("a \n\n  b\t\tc", new[] { 64, 220, 1458, 220, 264, 197, 197, 66 })]
    [TestCase("<|im_start|>user\nhi<|im_end|>", new[] { 1975, 481, 198, 71, 72, 1976 })]
    [TestCase("a <think> b", new[] { 64, 220, 1998, 264 })]
    [TestCase("\U00020000\U0001D49C", new[] { 172, 254, 222, 222, 172, 251, 240, 250 })]
    [TestCase("\U0001F468\u200D\U0001F469\u200D\U0001F467", new[] { 1302, 239, 101, 915, 235, 1302, 239, 102, 915, 235, 1302, 239, 100 })]
    [TestCase("a\u0085b\u00A0\u3000c", new[] { 64, 126, 227, 65, 126, 254, 728, 222, 66 })]
    [TestCase("हिन्दी", new[] { 1301, 117, 1301, 123, 1301, 101, 156, 98, 235, 1301, 99, 156, 98, 222 })]
    public void Ids_are_those_of_the_reference(string text, int[] ids) => Assert.That(TextTestData.Tiny.Encode(text), Is.EqualTo(ids));

    [Test]
    public void Lone_surrogates_count_as_the_replacement_character()
    {
        int[] expected = [64, 171, 123, 121, 65, 171, 123, 121];

        Assert.That(TextTestData.Tiny.Encode("a\uD800b\uDFFF"), Is.EqualTo(expected));
        Assert.That(TextTestData.Tiny.Encode("a\uFFFDb\uFFFD"), Is.EqualTo(expected));
    }

    [Test]
    public void Vocabulary_size_and_token_ids_are_those_of_the_file()
    {
        Qwen2Tokenizer tokenizer = TextTestData.Tiny;

        Assert.That(tokenizer.VocabularySize, Is.EqualTo(2000));
        Assert.That(tokenizer.TokenId("<|endoftext|>"), Is.EqualTo(1974));
        Assert.That(tokenizer.TokenId("</think>"), Is.EqualTo(1999));
        Assert.That(tokenizer.TokenId("!"), Is.Zero);
        Assert.That(tokenizer.TokenId("Ġcat"), Is.EqualTo(744));
        Assert.That(tokenizer.TokenId("no such token"), Is.Null);
    }

    [Test]
    public void Decoding_gives_the_normalised_text_back()
    {
        Gen<char> any = Gen.OneOf(Gen.Char[' ', '~'], Gen.Char['\u0300', '\u0345'], Gen.Char['\u1100', '\u11FF'], Gen.Char['一', '亿'], Gen.Char);
        any.Array[0, 40].Select(c => new string(c)).Sample(Check, iter: 2000);

        static bool Check(string text)
        {
            // Round trip through UTF-8 replaces lone surrogates.
            string wellFormed = System.Text.Encoding.UTF8.GetString(System.Text.Encoding.UTF8.GetBytes(text));
            return TextTestData.Tiny.Decode(TextTestData.Tiny.Encode(text)) == NfcNormalizer.Normalize(wellFormed);
        }
    }

    [Test]
    public void Decoding_keeps_special_tokens_and_marks_broken_characters()
    {
        Assert.That(TextTestData.Tiny.Decode([1975, 481, 198, 71, 72, 1976]), Is.EqualTo("<|im_start|>user\nhi<|im_end|>"));
        Assert.That(TextTestData.Tiny.Decode([64, 171]), Is.EqualTo("a\uFFFD"));
    }

    [TestCase(-1)]
    [TestCase(2000)]
    [TestCase(int.MaxValue)]
    public void Decoding_refuses_ids_that_no_token_has(int id) =>
        Assert.That(() => TextTestData.Tiny.Decode([64, id]), Throws.TypeOf<ArgumentOutOfRangeException>().With.Message.Contains($"{id}"));

    [Test]
    public void Prompts_are_put_into_the_template()
    {
        PromptTokens tokens = TextTestData.Tiny.Tokenize("a red cat", 512);

        Assert.That(tokens.TemplatedText, Is.EqualTo("<|im_start|>user\na red cat<|im_end|>\n<|im_start|>assistant\n"));
        Assert.That(tokens.Ids.Take(3), Is.EqualTo([1975, 481, 198]));
        Assert.That(tokens.Ids.Skip(3).Take(3), Is.EqualTo([64, 772, 744]));
        Assert.That(tokens.Ids[6], Is.EqualTo(1976));
        Assert.That((tokens.CutCount, tokens.CutText), Is.EqualTo((0, "")));
    }

    [Test]
    public void Long_prompts_lose_their_end_and_say_what_was_lost()
    {
        IReadOnlyList<int> all = TextTestData.Tiny.Tokenize("a red cat sitting on a wooden table", 512).Ids;
        PromptTokens cut = TextTestData.Tiny.Tokenize("a red cat sitting on a wooden table", 6);

        Assert.That(cut.Ids, Is.EqualTo(all.Take(6)));
        Assert.That(cut.CutCount, Is.EqualTo(all.Count - 6));
        Assert.That(cut.CutText, Is.EqualTo(" sitting on a wooden table<|im_end|>\n<|im_start|>assistant\n"));
        Assert.That(TextTestData.Tiny.Tokenize("a red cat sitting on a wooden table", all.Count).CutCount, Is.Zero);
        Assert.That(() => TextTestData.Tiny.Tokenize("a", 0), Throws.TypeOf<ArgumentOutOfRangeException>());
    }

    [TestCase("a")]
    [TestCase(" ")]
    [TestCase("\u0301\u0323")]
    [TestCase("小")]
    [TestCase("\n ")]
    [TestCase("<|im_")]
    public void Long_runs_take_no_quadratic_time(string unit)
    {
        // A quadratic algorithm needs 10^10 steps here; the bound is far above what n log n takes on a slow machine.
        string text = string.Concat(Enumerable.Repeat(unit, 100_000 / unit.Length));
        var watch = Stopwatch.StartNew();
        IReadOnlyList<int> ids = TextTestData.Tiny.Encode(text);

        Assert.That(watch.Elapsed, Is.LessThan(TimeSpan.FromSeconds(15)));
        Assert.That(TextTestData.Tiny.Decode(ids), Is.EqualTo(NfcNormalizer.Normalize(text)));
    }

    [Test]
    public void Threads_may_share_a_tokenizer()
    {
        var tokenizer = Qwen2Tokenizer.Load(TextTestData.TinyFolder);
        string[] texts = [.. Enumerable.Range(0, 200).Select(i => $"a red cat number {i} 一只小猫 {i * 7919}")];
        int[][] expected = [.. texts.Select(t => TextTestData.Tiny.Encode(t).ToArray())];
        var wrong = new System.Collections.Concurrent.ConcurrentBag<string>();

        Parallel.For(0, 2000, i =>
        {
            if (!tokenizer.Encode(texts[i % texts.Length]).SequenceEqual(expected[i % texts.Length]))
            {
                wrong.Add(texts[i % texts.Length]);
            }
        });

        Assert.That(wrong, Is.Empty);
    }
}
