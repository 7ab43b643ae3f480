using System.Text;
using System.Text.Json.Nodes;
using CsCheck;
using NUnit.Framework;
using ZImage.Text;

namespace ZImage.Tests.Text;

internal sealed class TokenizerJsonTests
{
    private static readonly object[] Faults =
    [
        Fault("model.type", "Unigram", r => r["model"]!["type"] = "Unigram"),
        Fault("model.type", "WordPiece", r => r["model"]!["type"] = "WordPiece"),
        Fault("model.dropout", "0.1", r => r["model"]!["dropout"] = 0.1),
        Fault("model.unk_token", "<unk>", r => r["model"]!["unk_token"] = "<unk>"),
        Fault("model.continuing_subword_prefix", "##", r => r["model"]!["continuing_subword_prefix"] = "##"),
        Fault("model.end_of_word_suffix", "</w>", r => r["model"]!["end_of_word_suffix"] = "</w>"),
        Fault("model.byte_fallback", "true", r => r["model"]!["byte_fallback"] = true),
        Fault("model.ignore_merges", "yes", r => r["model"]!["ignore_merges"] = "yes"),
        Fault("model.novelty", "1", r => r["model"]!["novelty"] = 1),
        Fault("model.vocab", "missing", r => r["model"]!.AsObject().Remove("vocab")),
        Fault("model.vocab", "a list", r => r["model"]!["vocab"] = new JsonArray()),
        Fault("model.vocab.cat", "1.5", r => r["model"]!["vocab"]!["cat"] = 1.5),
        Fault("Ġcat", "1048576", r => r["model"]!["vocab"]!["Ġcat"] = 1 << 20),
        Fault("Ġcat", "-1", r => r["model"]!["vocab"]!["Ġcat"] = -1),
        Fault("id 7", "Ġcat", r => r["model"]!["vocab"]!["Ġcat"] = 7),
        Fault("byte 0x41", "vocabulary lacks", r => Rename(r, "A", "\u4E00")),
        Fault("model.merges", "missing", r => r["model"]!.AsObject().Remove("merges")),
        Fault("model.merges[0]", "a list", r => r["model"]!["merges"]![0] = new JsonArray("a", "b", "c")),
        Fault("model.merges[1]", "abc", r => r["model"]!["merges"]![1] = "abc"),
        Fault("model.merges[1]", "a b c", r => r["model"]!["merges"]![1] = "a b c"),
        Fault("model.merges[2]", "5", r => r["model"]!["merges"]![2] = 5),
        Fault("merge 3", "qqqq", r => r["model"]!["merges"]![3] = "qqqq q"),
        Fault("added_tokens[0].id", "3000000000", r => r["added_tokens"]![0]!["id"] = 3_000_000_000),
        Fault("added_tokens[1].content", "missing", r => r["added_tokens"]![1]!.AsObject().Remove("content")),
        Fault("added_tokens[1].lstrip", "1", r => r["added_tokens"]![1]!["lstrip"] = 1),
        Fault("id 1974", "<|im_start|>", r => r["added_tokens"]![1]!["id"] = 1974),
        Fault("listed twice", "<|endoftext|>", r => r["added_tokens"]![1]!["content"] = "<|endoftext|>"),
        Fault("Ġcat", "in the vocabulary", r => r["added_tokens"]![1]!["content"] = "Ġcat"),
        Fault("normalizer.type", "NFKC", r => r["normalizer"]!["type"] = "NFKC"),
        Fault("pre_tokenizer", "missing", r => r.Remove("pre_tokenizer")),
        Fault("pre_tokenizer.type", "Whitespace", r => r["pre_tokenizer"] = new JsonObject { ["type"] = "Whitespace" }),
        Fault("pre_tokenizer.pretokenizers", "1 items", r => r["pre_tokenizer"]!["pretokenizers"]!.AsArray().RemoveAt(1)),
        Fault("pattern.Regex", @"\w+", r => Split(r)["pattern"]!["Regex"] = @"\w+"),
        Fault("behavior", "Removed", r => Split(r)["behavior"] = "Removed"),
        Fault("invert", "true", r => Split(r)["invert"] = true),
        Fault("use_regex", "true", r => r["pre_tokenizer"]!["pretokenizers"]![1]!["use_regex"] = true),
        Fault("add_prefix_space", "true", r => r["pre_tokenizer"]!["pretokenizers"]![1]!["add_prefix_space"] = true),
        Fault("post_processor.type", "TemplateProcessing", r => r["post_processor"]!["type"] = "TemplateProcessing"),
    ];

    [TestCaseSource(nameof(Faults))]
    public void A_file_of_another_kind_is_refused_by_key_and_value(string key, string value, object change)
    {
        byte[] json = TextTestData.Changed((Action<JsonObject>)change);

        ModelFormatException error = Assert.Throws<ModelFormatException>(() => Qwen2Tokenizer.Parse(json, "some/tokenizer.json"))!;
        Assert.That(error.Message, Does.StartWith("some/tokenizer.json: ").And.Contain(key).And.Contain(value));
        Assert.That(error.Hint, Is.Not.Null);
    }

    [TestCase("")]
    [TestCase("{")]
    [TestCase("null")]
    [TestCase("[]")]
    [TestCase("{}")]
    [TestCase("{\"model\":{\"type\":\"BPE\",\"vocab\":{\"\\ud800\":0},\"merges\":[]}}")]
    public void Broken_files_are_refused(string json) =>
        Assert.That(() => Qwen2Tokenizer.Parse(Encoding.UTF8.GetBytes(json), "t.json"), Throws.TypeOf<ModelFormatException>().With.Message.StartsWith("t.json: "));

    [Test]
    public void Invalid_utf8_in_a_token_is_refused()
    {
        byte[] json = Encoding.Latin1.GetBytes("{\"model\":{\"type\":\"BPE\",\"vocab\":{\"\u00FF\":0},\"merges\":[]}}");

        Assert.That(() => Qwen2Tokenizer.Parse(json, "t.json"), Throws.TypeOf<ModelFormatException>());
    }

    [Test]
    public void Both_forms_of_merges_give_the_same_ids()
    {
        var legacy = Qwen2Tokenizer.Parse(
            TextTestData.Changed(r => r["model"]!["merges"] = new JsonArray([.. r["model"]!["merges"]!.AsArray().Select(m => (JsonNode)$"{m![0]} {m[1]}")])),
            "legacy");
        const string text = "A red cat sitting on a wooden table, 一只小猫\n\n";

        Assert.That(legacy.Encode(text), Is.EqualTo(TextTestData.Tiny.Encode(text)));
    }

    [Test]
    public void Without_a_normaliser_text_stays_decomposed()
    {
        var tokenizer = Qwen2Tokenizer.Parse(TextTestData.Changed(r => r["normalizer"] = null), "t.json");

        Assert.That(tokenizer.Decode(tokenizer.Encode("e\u0301")), Is.EqualTo("e\u0301"));
        Assert.That(TextTestData.Tiny.Decode(TextTestData.Tiny.Encode("e\u0301")), Is.EqualTo("\u00E9"));
    }

    [Test]
    public void A_byte_order_mark_is_skipped()
    {
        byte[] json = [0xEF, 0xBB, 0xBF, .. File.ReadAllBytes(Path.Combine(TextTestData.TinyFolder, "tokenizer.json"))];

        Assert.That(Qwen2Tokenizer.Parse(json, "t.json").VocabularySize, Is.EqualTo(2000));
    }

    [Test]
    public void Mutated_files_load_or_are_refused_and_nothing_else()
    {
        byte[] valid = Encoding.UTF8.GetBytes(TextTestData.TinyJson());
        Gen<(int Position, byte Value, int Length)[]> edits = Gen.Select(Gen.Int[0, valid.Length - 1], Gen.Byte, Gen.Int[0, 40]).Array[1, 6];
        int refused = 0;
        edits.Sample(
            changes =>
            {
                var bytes = new List<byte>(valid);
                foreach ((int position, byte value, int length) in changes)
                {
                    int at = Math.Min(position, bytes.Count - 1);
                    if (length < 30)
                    {
                        bytes[at] = value;
                    }
                    else
                    {
                        bytes.RemoveRange(at, Math.Min(length, bytes.Count - at));
                    }
                }

                Interlocked.Add(ref refused, Loads([.. bytes]) ? 0 : 1);
            },
            iter: 300);

        Assert.That(refused, Is.Positive);
    }

    [Test]
    public void Random_bytes_are_refused_without_large_allocations()
    {
        Gen.Byte.Array[0, 200].Sample(
            bytes =>
            {
                long before = GC.GetAllocatedBytesForCurrentThread();
                bool loaded = Loads(bytes);
                // Two hundred bytes cannot name enough to need a megabyte.
                return !loaded && GC.GetAllocatedBytesForCurrentThread() - before < 1 << 20;
            },
            iter: 1000);
    }

    private static bool Loads(byte[] json)
    {
        try
        {
            Qwen2Tokenizer.Parse(json, "t.json").Encode("a red cat");
            return true;
        }
        catch (ModelFormatException)
        {
            return false;
        }
    }

    private static object[] Fault(string key, string value, Action<JsonObject> change) => [key, value, change];

    private static JsonObject Split(JsonObject root) => root["pre_tokenizer"]!["pretokenizers"]![0]!.AsObject();

    private static void Rename(JsonObject root, string token, string name)
    {
        JsonObject vocabulary = root["model"]!["vocab"]!.AsObject();
        int id = vocabulary[token]!.GetValue<int>();
        vocabulary.Remove(token);
        vocabulary[name] = id;
        root["model"]!["merges"] = new JsonArray();
    }
}
