using System.Text.Json.Nodes;
using NUnit.Framework;
using ZImage.Text;

namespace ZImage.Tests.Text;

internal sealed class TokenizerFolderTests
{
    private const string Sample = "<|im_start|>user\nA red cat, e\u0301 一只小猫 12\n\n<|im_end|>";
    private string folder = "";

    [SetUp]
    public void CreateFolder() => folder = Directory.CreateTempSubdirectory("zimage-tokenizer-").FullName;

    [TearDown]
    public void DeleteFolder() => Directory.Delete(folder, recursive: true);

    [Test]
    public void Vocabulary_and_merges_files_give_the_same_ids_as_tokenizer_json()
    {
        WriteVocabularyAndMerges();
        File.Copy(Path.Combine(TextTestData.TinyFolder, "tokenizer_config.json"), Path.Combine(folder, "tokenizer_config.json"));
        var tokenizer = Qwen2Tokenizer.Load(folder);

        Assert.That(tokenizer.VocabularySize, Is.EqualTo(2000));
        Assert.That(tokenizer.Encode(Sample), Is.EqualTo(TextTestData.Tiny.Encode(Sample)));
    }

    [Test]
    public void Added_tokens_may_stand_in_their_own_file()
    {
        WriteVocabularyAndMerges();
        File.WriteAllText(Path.Combine(folder, "added_tokens.json"), """{"<|im_start|>": 1975, "<|im_end|>": 1976}""");

        Assert.That(Qwen2Tokenizer.Load(folder).Encode(Sample), Is.EqualTo(TextTestData.Tiny.Encode(Sample)));
    }

    [Test]
    public void A_folder_without_files_says_which_are_needed() =>
        Assert.That(
            () => Qwen2Tokenizer.Load(folder),
            Throws.TypeOf<ModelFormatException>().With.Message.Contains(folder).And.Message.Contains("tokenizer.json").And.Message.Contains("merges.txt"));

    [Test]
    public void A_foreign_tokenizer_class_is_refused()
    {
        WriteVocabularyAndMerges();
        File.WriteAllText(Path.Combine(folder, "tokenizer_config.json"), """{"tokenizer_class": "CLIPTokenizer"}""");

        Assert.That(() => Qwen2Tokenizer.Load(folder), Throws.TypeOf<ModelFormatException>().With.Message.Contains("CLIPTokenizer"));
    }

    [Test]
    public void Bad_merges_are_refused_by_line()
    {
        WriteVocabularyAndMerges();
        File.WriteAllText(Path.Combine(folder, "merges.txt"), "#version: 0.2\ni n\nonlyone\n");

        Assert.That(() => Qwen2Tokenizer.Load(folder), Throws.TypeOf<ModelFormatException>().With.Message.Contains("line 3").And.Message.Contains("onlyone"));
    }

    [Test]
    public void Merges_that_are_no_text_are_refused()
    {
        WriteVocabularyAndMerges();
        File.WriteAllBytes(Path.Combine(folder, "merges.txt"), [0x23, 0xFF, 0xFE]);

        Assert.That(() => Qwen2Tokenizer.Load(folder), Throws.TypeOf<ModelFormatException>().With.Message.Contains("UTF-8"));
    }

    [Test]
    public void An_added_token_whose_key_is_no_id_is_refused()
    {
        WriteVocabularyAndMerges();
        File.WriteAllText(Path.Combine(folder, "tokenizer_config.json"), """{"added_tokens_decoder": {"x1": {"content": "<x>"}}}""");

        Assert.That(() => Qwen2Tokenizer.Load(folder), Throws.TypeOf<ModelFormatException>().With.Message.Contains("added_tokens_decoder.x1"));
    }

    private void WriteVocabularyAndMerges()
    {
        JsonNode model = JsonNode.Parse(TextTestData.TinyJson())!["model"]!;
        File.WriteAllText(Path.Combine(folder, "vocab.json"), model["vocab"]!.ToJsonString());
        File.WriteAllLines(Path.Combine(folder, "merges.txt"), ["#version: 0.2", .. model["merges"]!.AsArray().Select(m => $"{m![0]} {m[1]}")]);
    }
}
