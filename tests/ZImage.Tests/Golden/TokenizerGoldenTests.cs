using System.Text.Json;
using NUnit.Framework;
using ZImage.Text;

namespace ZImage.Tests.Golden;

/// <summary>golden/tokenizer/tiny.json: the ids that transformers gives for many texts, with the tokenizer that lies in golden/tokenizer-tiny.</summary>
internal sealed class TokenizerGoldenTests
{
    private const int PipelineLength = 512;

    [Test]
    public void Ids_are_those_of_transformers()
    {
        Qwen2Tokenizer tokenizer = Qwen2Tokenizer.Load(GoldenFile.PathOf("tokenizer-tiny"));
        Compare(tokenizer, "tiny.json");
    }

    [Test]
    public void Old_tokenizer_files_give_the_same_ids()
    {
        Qwen2Tokenizer tokenizer = Qwen2Tokenizer.Load(GoldenFile.PathOf("checkpoints", "tiny-base", "tokenizer"));
        Compare(tokenizer, "tiny.json");
    }

    [Test]
    public void Ids_of_the_real_vocabulary_are_those_of_transformers()
    {
        if (Environment.GetEnvironmentVariable("ZIMAGE_QWEN3_TOKENIZER") is not { Length: > 0 } folder)
        {
            Assert.Ignore("ZIMAGE_QWEN3_TOKENIZER names no folder with Qwen3's tokenizer.json, which is too large for the repository.");
            return;
        }

        Compare(Qwen2Tokenizer.Load(folder), "qwen3.json");
    }

    private static void Compare(Qwen2Tokenizer tokenizer, string file)
    {
        using JsonDocument golden = GoldenFile.OpenJson("tokenizer", file);
        int cases = 0;
        Assert.Multiple(() =>
        {
            foreach (JsonElement entry in golden.RootElement.GetProperty("cases").EnumerateArray())
            {
                string text = entry.GetProperty("text").GetString()!;
                PromptTokens tokens = tokenizer.Tokenize(text, PipelineLength);
                Assert.That(tokens.TemplatedText, Is.EqualTo(entry.GetProperty("templated").GetString()), text);
                Assert.That(tokens.Ids, Is.EqualTo(entry.GetProperty("ids").EnumerateArray().Select(id => id.GetInt32())), text);
                cases++;
            }
        });
        Assert.That(cases, Is.GreaterThanOrEqualTo(30), file);
    }
}
