using System.Diagnostics;
using System.Text;
using System.Text.Json;
using System.Text.Json.Nodes;
using NUnit.Framework;
using ZImage.Text;

namespace ZImage.Tests.Text;

/// <summary>Ids that the reference implementation gave, for the real vocabulary, for the golden texts and for the parts that Qwen3's file does not use.</summary>
internal sealed class ReferenceVectorTests
{
    private const string Words = @"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?";
    private const string Spaces = @"|\s*[\r\n]+|\s+(?!\S)|\s+";

    private static readonly string[] ExtraTokens = ["the", " cat", "é", "e\u0323\u0301", "ab", "abc", "小猫", "aq", "😀"];

    [TestCase("marks")]
    [TestCase("triples")]
    [TestCase("gpt2")]
    [TestCase("flags")]
    public void Variants_give_the_ids_of_the_reference(string variant)
    {
        var tokenizer = Qwen2Tokenizer.Parse(TextTestData.Changed(root => Change(root, variant)), variant);
        using var document = JsonDocument.Parse(File.ReadAllText(TextTestData.Here("reference_vectors.json")));
        JsonElement cases = document.RootElement.GetProperty(variant);

        Assert.That(cases.GetArrayLength(), Is.GreaterThan(100));
        Check(cases, _ => tokenizer);
    }

    [TestCase("A red cat sitting on a wooden table", new[] { 32, 2518, 8251, 11699, 389, 264, 22360, 1965 })]
    [TestCase("一只可爱的小猫坐在窗台上", new[] { 102292, 102783, 104006, 100472, 104427, 100237, 108141 })]
    [TestCase("Cafe\u0301 cafés", new[] { 34, 2577, 963, 29103, 5397 })]
    [TestCase("I'M it'\u017Fx don't", new[] { 40, 27603, 432, 6, 144815, 87, 1513, 944 })]
    [TestCase("8k 1920x1080", new[] { 23, 74, 220, 16, 24, 17, 15, 87, 16, 15, 23, 15 })]
    [TestCase("a \n\n  b\t\tc", new[] { 64, 4710, 220, 293, 197, 1444 })]
    [TestCase("<|im_start|>user\nhi<|im_end|>", new[] { 151644, 872, 198, 6023, 151645 })]
    [TestCase("a <think> b", new[] { 64, 220, 151667, 293 })]
    [TestCase("\U00020000\U0001D49C", new[] { 172, 63219, 222, 147228 })]
    [TestCase("\U0001F468\u200D\U0001F469\u200D\U0001F467", new[] { 145367, 378, 235, 145233, 378, 235, 145665 })]
    [TestCase("a\u0085b\u00A0\u3000c", new[] { 64, 126, 227, 65, 4102, 22441, 66 })]
    [TestCase("हिन्दी", new[] { 93948, 42311, 101, 30484, 99, 43647 })]
    [TestCase("ไทย", new[] { 125451 })]
    [TestCase("a\uFFFDb", new[] { 64, 5691, 65 })]
    public void The_real_vocabulary_gives_the_ids_of_the_reference(string text, int[] ids)
    {
        Assert.That(Qwen3().Encode(text), Is.EqualTo(ids));
    }

    [Test]
    public void The_real_vocabulary_loads_fast_and_has_its_size()
    {
        string folder = TextTestData.Qwen3Folder();
        var watch = Stopwatch.StartNew();
        var tokenizer = Qwen2Tokenizer.Load(folder);
        TestContext.Out.WriteLine($"loaded in {watch.ElapsedMilliseconds} ms");

        Assert.That(tokenizer.VocabularySize, Is.EqualTo(151_669));
        Assert.That(tokenizer.TokenId("<|endoftext|>"), Is.EqualTo(151_643));
        // The aim is well under 0.5 s; the bound leaves room for a debug build on a busy machine and still refuses anything quadratic.
        Assert.That(watch.Elapsed, Is.LessThan(TimeSpan.FromSeconds(10)));
    }

    private static Qwen2Tokenizer? qwen3;

    private static Qwen2Tokenizer Qwen3() => qwen3 ??= Qwen2Tokenizer.Load(TextTestData.Qwen3Folder());

    // Returns the number of cases whose tokenizer is not there.
    private static int Check(JsonElement cases, Func<string, Qwen2Tokenizer?> find)
    {
        int skipped = 0;
        foreach (JsonElement item in cases.EnumerateArray())
        {
            Qwen2Tokenizer? tokenizer = find(item.TryGetProperty("tokenizer", out JsonElement name) ? name.GetString()! : "");
            if (tokenizer is null)
            {
                skipped++;
                continue;
            }

            string text = item.GetProperty("text").GetString()!;
            int[] ids = [.. item.GetProperty("ids").EnumerateArray().Select(e => e.GetInt32())];
            if (item.TryGetProperty("templated", out JsonElement templated))
            {
                PromptTokens tokens = tokenizer.Tokenize(text, int.MaxValue);
                Assert.That(tokens.TemplatedText, Is.EqualTo(templated.GetString()));
                Assert.That(tokens.Ids, Is.EqualTo(ids), () => JsonSerializer.Serialize(text));
            }
            else
            {
                Assert.That(tokenizer.Encode(text), Is.EqualTo(ids), () => JsonSerializer.Serialize(text));
            }
        }

        return skipped;
    }

    private static void Change(JsonObject root, string variant)
    {
        JsonObject split = root["pre_tokenizer"]!["pretokenizers"]![0]!.AsObject();
        switch (variant)
        {
            case "marks":
                split["pattern"]!["Regex"] = Words + @"[\p{L}\p{M}]+|\p{N}| ?[^\s\p{L}\p{M}\p{N}]+[\r\n]*" + Spaces;
                break;
            case "triples":
                split["pattern"]!["Regex"] = Words + @"\p{L}+|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n]*" + Spaces;
                break;
            case "gpt2":
                root["pre_tokenizer"] = JsonNode.Parse("""{"type":"ByteLevel","add_prefix_space":false,"trim_offsets":false,"use_regex":true}""");
                break;
            default:
                ChangeFlags(root);
                break;
        }
    }

    // Every third merge is missing, pieces that are tokens stay whole, and added tokens strip, stand alone or wait for normalisation.
    private static void ChangeFlags(JsonObject root)
    {
        JsonObject model = root["model"]!.AsObject();
        model["ignore_merges"] = true;
        model["merges"] = new JsonArray([.. model["merges"]!.AsArray().Where((_, i) => i % 3 != 0).Select(m => m!.DeepClone())]);
        root["normalizer"] = JsonNode.Parse("""{"type":"Sequence","normalizers":[{"type":"NFC"}]}""");

        JsonArray tokens = root["added_tokens"]!.AsArray();
        for (int i = 0; i < tokens.Count; i++)
        {
            tokens[i]!["lstrip"] = i % 3 == 0;
            tokens[i]!["rstrip"] = i % 4 == 1;
            tokens[i]!["normalized"] = i % 5 == 0;
        }

        int next = 2000;
        foreach (string content in ExtraTokens)
        {
            JsonNode? known = model["vocab"]![content];
            int id = known?.GetValue<int>() ?? next++;
            tokens.Add(new JsonObject
            {
                // The flags follow the id that the next new token would get, as in the script that made the vectors.
                ["id"] = id,
                ["content"] = content,
                ["single_word"] = next % 2 == 0,
                ["lstrip"] = next % 3 == 0,
                ["rstrip"] = next % 5 == 0,
                ["normalized"] = next % 4 < 2,
                ["special"] = false,
            });
        }
    }
}
