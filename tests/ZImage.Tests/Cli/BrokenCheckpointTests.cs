using System.Text.Json.Nodes;
using NUnit.Framework;
using ZImage.Cli;
using ZImage.Tests.Support;

namespace ZImage.Tests.Cli;

/// <summary>A golden checkpoint, broken in one way, through the whole tool: exit code 3, the culprit by name, a hint, and nothing written.</summary>
[TestFixture]
internal sealed class BrokenCheckpointTests
{
    private const string Shard1 = "transformer/diffusion_pytorch_model-00001-of-00003.safetensors";
    private const string Shard2 = "transformer/diffusion_pytorch_model-00002-of-00003.safetensors";
    private const string Index = "transformer/diffusion_pytorch_model.safetensors.index.json";
    private const string Transformer = "transformer/diffusion_pytorch_model.safetensors";
    private const string Text = "text_encoder/model.safetensors";
    private const string Vae = "vae/diffusion_pytorch_model.safetensors";

    private CliRunner cli = null!;

    /// <summary>Ways to break tiny-base, whose transformer is in shards and whose tokenizer is vocab.json with merges.txt.</summary>
    private static IEnumerable<TestCaseData> Sharded()
    {
        yield return Case("a missing shard", c => File.Delete(c.File(Shard2)), Path.GetFileName(Shard2), "missing");
        yield return Case("a shard cut short", c => Cut(c.File(Shard2), 100_000), Path.GetFileName(Shard2), "bytes");
        yield return Case("a shard cut within its header", c => Cut(c.File(Shard2), 100), Path.GetFileName(Shard2), "header");
        yield return Case("an empty shard", c => Cut(c.File(Shard2), 0), Path.GetFileName(Shard2), "0 bytes");
        yield return Case("a shard that is another one", c => File.Copy(c.File(Shard1), c.File(Shard2), true), Path.GetFileName(Shard2), "holds");
        yield return Case("a broken index", c => File.WriteAllText(c.File(Index), "{\"weight_map\": {"), Path.GetFileName(Index));
        yield return Case("an index that names a file outside", c => c.EditJson(Index, json => json["weight_map"]!["cap_pad_token"] = "../../x.safetensors"), Path.GetFileName(Index), "cap_pad_token");
        yield return Case("an index with an unknown tensor", c => c.EditJson(Index, json => json["weight_map"]!["layers.9.extra"] = Path.GetFileName(Shard1)), Path.GetFileName(Shard1), "layers.9.extra");
        yield return Case("no vocabulary", c => File.Delete(c.File("tokenizer/vocab.json")), "tokenizer", "vocab.json");
        yield return Case("merges that are no merges", c => File.WriteAllText(c.File("tokenizer/merges.txt"), "one\ntwo\n"), "merges.txt");
        yield return Case("a vocabulary that is no object", c => File.WriteAllText(c.File("tokenizer/vocab.json"), "[1, 2]"), "vocab.json");
        yield return Case("NaN in the transformer", c => c.SetNaN(Shard1, "all_x_embedder.2-1.weight"), "transformer", "all_x_embedder.2-1.weight");
        yield return Case("NaN in the text encoder", c => c.SetNaN(Text, "model.layers.0.self_attn.q_proj.weight"), "text_encoder", "layers.0.self_attn.q_proj.weight");
        yield return Case("NaN in the VAE", c => c.SetNaN(Vae, "decoder.conv_in.weight"), "vae", "decoder.conv_in.weight");
    }

    /// <summary>Ways to break tiny-turbo, whose transformer is one file and whose tokenizer is tokenizer.json.</summary>
    private static IEnumerable<TestCaseData> Single()
    {
        yield return Case("a header longer than the file", c => Patch(c.File(Transformer), 0, [0xFF, 0xFF, 0xFF, 0x02]), "transformer", "header has");
        yield return Case("a header longer than any", c => Patch(c.File(Transformer), 0, [0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0x7F]), "transformer", "header would have");
        yield return Case("a header that is no JSON", c => Patch(c.File(Transformer), 8, "nonsense"u8.ToArray()), "transformer", "header");
        yield return Case("overlapping tensors", c => c.EditHeader(Transformer, h => h["cap_pad_token"]!["data_offsets"] = h["x_pad_token"]!["data_offsets"]!.DeepClone()), "overlap", "pad_token");
        yield return Case("a tensor beyond the end", c => c.EditHeader(Transformer, h => h["cap_pad_token"]!["data_offsets"] = new JsonArray(9_000_000, 1_000_000_000)), "cap_pad_token");
        yield return Case("a negative offset", c => c.EditHeader(Transformer, h => h["cap_pad_token"]!["data_offsets"] = new JsonArray(-512, 0)), "cap_pad_token");
        yield return Case("offsets that do not fit the shape", c => c.EditHeader(Transformer, h => h["cap_pad_token"]!["shape"] = new JsonArray(1, 255)), "cap_pad_token");
        yield return Case("a shape beyond 64 bits", c => c.EditHeader(Transformer, h => h["cap_pad_token"]!["shape"] = new JsonArray(2147483647, 2147483647, 2147483647)), "cap_pad_token");
        yield return Case("an unknown type", c => c.EditHeader(Transformer, h => h["cap_pad_token"]!["dtype"] = "Q4_X"), "cap_pad_token", "Q4_X");
        yield return Case("a type of whole numbers", c => c.EditHeader(Transformer, h => h["cap_pad_token"]!["dtype"] = "I16"), "cap_pad_token", "I16");
        yield return Case("a missing tensor", c => c.EditHeader(Transformer, h => Rename(h, "cap_pad_token", "cap_pad_tokem")), "missing", "cap_pad_token");
        yield return Case("an unknown tensor", c => c.EditHeader(Transformer, h => h["layers.0.lora"] = Empty()), "unknown", "layers.0.lora");
        yield return Case("an unknown tensor of the text encoder", c => c.EditHeader(Text, h => h["layers.0.extra"] = Empty()), "text_encoder", "layers.0.extra");
        yield return Case("an unknown tensor of the VAE", c => c.EditHeader(Vae, h => h["decoder.extra"] = Empty()), "vae", "decoder.extra");
        yield return Case("a shape against the config", c => c.EditHeader(Transformer, h => h["cap_pad_token"]!["shape"] = new JsonArray(256, 1)), "cap_pad_token", "expected [1, 256], found [256, 1]");
        yield return Case("a config with another width", c => c.EditJson("transformer/config.json", json => json["dim"] = 512), "transformer", "expected");
        yield return Case("a config with fewer layers", c => c.EditJson("transformer/config.json", json => json["n_layers"] = 1), "unknown", "layers.1.");
        yield return Case("a config with a string for a number", c => c.EditJson("transformer/config.json", json => json["n_heads"] = "two"), "n_heads");
        yield return Case("a config without heads", c => c.EditJson("transformer/config.json", json => json["n_heads"] = 0), "n_heads");
        yield return Case("a config with too many layers to hold", c => c.EditJson("transformer/config.json", json => json["n_layers"] = 2_000_000_000), "n_layers");
        yield return Case("a text encoder of another width", c => c.EditJson("text_encoder/config.json", json => json["hidden_size"] = 64), "hidden_size");
        yield return Case("a text encoder of another kind", c => c.EditJson("text_encoder/config.json", json => json["model_type"] = "bert"), "model_type", "bert");
        yield return Case("a VAE of another width", c => c.EditJson("vae/config.json", json => json["latent_channels"] = 4), "latent_channels");
        yield return Case("a scheduler of another kind", c => c.EditJson("scheduler/scheduler_config.json", json => json["_class_name"] = "DDIMScheduler"), "DDIMScheduler");
        yield return Case("a scheduler with a shift of 0", c => c.EditJson("scheduler/scheduler_config.json", json => json["shift"] = 0), "shift");
        yield return Case("a pipeline of another kind", c => c.EditJson("model_index.json", json => json["_class_name"] = "FluxPipeline"), "FluxPipeline");
        yield return Case("a config that is no JSON", c => File.WriteAllText(c.File("vae/config.json"), "<html>"), "config.json");
        yield return Case("an empty config", c => File.WriteAllText(c.File("vae/config.json"), ""), "config.json");
        yield return Case("a broken tokenizer", c => Cut(c.File("tokenizer/tokenizer.json"), 1000), "tokenizer.json");
        yield return Case("a tokenizer of another kind", c => File.WriteAllText(c.File("tokenizer/tokenizer.json"), """{"version": "1.0", "model": {"type": "WordPiece", "vocab": {"a": 0}}}"""), "tokenizer.json", "WordPiece");
        yield return Case("a tokenizer without merges", c => c.EditJson("tokenizer/tokenizer.json", json => json["model"]!.AsObject().Remove("merges")), "tokenizer.json", "merges");
        yield return Case("a tokenizer beyond the vocabulary", c => c.EditJson("tokenizer/tokenizer.json", json => json["model"]!["vocab"]!["zzzz"] = 5_000_000), "tokenizer");
        yield return Case("a tokenizer with ids that the text encoder has not", c => c.EditJson("tokenizer/tokenizer.json", json => json["model"]!["vocab"]!["a"] = 5000), "tokenizer", "5001", "2016");
        foreach (string part in new[] { "tokenizer", "text_encoder", "transformer", "vae", "scheduler" })
        {
            yield return Case($"no {part}", c => Directory.Delete(c.File(part), true), part + "/", "incomplete");
        }

        yield return Case("weights of another format only", c => File.Move(c.File(Vae), c.File("vae/diffusion_pytorch_model.bin")), "diffusion_pytorch_model.bin");
        yield return Case("a pointer in place of the file", c => File.WriteAllText(c.File(Vae), "version https://git-lfs.github.com/spec/v1\noid sha256:0\nsize 2118158\n"), "vae", "LFS");
        yield return Case("NaN in the queries' norm", c => c.SetNaN(Transformer, "layers.0.attention.norm_q.weight"), "transformer", "layers.0.attention.norm_q.weight");
        yield return Case("NaN in a value projection", c => c.SetNaN(Transformer, "layers.0.attention.to_v.weight"), "transformer", "layers.0.attention.to_v.weight");
        yield return Case("NaN in a gate", c => c.SetNaN(Transformer, "layers.0.feed_forward.w1.weight"), "transformer", "layers.0.feed_forward.w1.weight");
        yield return Case("NaN in the text's refiner", c => c.SetNaN(Transformer, "context_refiner.0.attention.to_k.weight"), "transformer", "context_refiner.0.attention.to_k.weight");
    }

    [SetUp]
    public void SetUp() => cli = new CliRunner { RealEngine = new PipelineEngine() };

    [TearDown]
    public void TearDown() => cli.Dispose();

    [TestCaseSource(nameof(Sharded))]
    public Task Of_shards_is_refused_by_name(Action<GoldenCheckpoint> damage, string[] names) => Refuse("tiny-base", damage, names);

    [TestCaseSource(nameof(Single))]
    public Task Of_single_files_is_refused_by_name(Action<GoldenCheckpoint> damage, string[] names) => Refuse("tiny-turbo", damage, names);

    [Test]
    public async Task A_folder_or_file_that_is_no_checkpoint_is_refused()
    {
        Directory.CreateDirectory(cli.File("photos"));
        await File.WriteAllTextAsync(cli.File("notes.txt"), "hello");
        await File.WriteAllTextAsync(cli.File("junk.safetensors"), "hello, this is no safetensors file");
        foreach ((string name, string message) in new[] { ("photos", "not a model folder"), ("notes.txt", "a file, not a model folder"), ("absent", "there is no") })
        {
            CliOutcome outcome = await Draw(cli.File(name));
            Check(outcome, [name, message]);
        }

        CliOutcome info = await cli.RunAsync("info", cli.File("junk.safetensors"));
        Check(info, ["junk.safetensors", "not a safetensors file"]);
        CliOutcome transformer = await cli.RunAsync(
            "generate", "-m", GoldenCheckpoint.PathOf("tiny-turbo"), "--transformer", cli.File("absent.safetensors"), "-p", "a", "-o", cli.File("a.png"));
        Check(transformer, ["absent.safetensors"]);
    }

    [Test]
    public async Task An_unknown_tensor_that_is_allowed_is_a_warning()
    {
        using GoldenCheckpoint checkpoint = new("tiny-turbo");
        checkpoint.EditHeader(Transformer, h => h["layers.0.lora"] = Empty());
        CliOutcome outcome = await Draw(checkpoint.Path, "--allow-unknown-tensors");

        Assert.That(outcome.ExitCode, Is.Zero, outcome.Error);
        Assert.That(outcome.Error, Does.Contain("warning: ").And.Contains("layers.0.lora"));
    }

    private static TestCaseData Case(string name, Action<GoldenCheckpoint> damage, params string[] names) =>
        new TestCaseData(damage, names).SetArgDisplayNames(name);

    private static JsonObject Empty() => new() { ["dtype"] = "F32", ["shape"] = new JsonArray(0), ["data_offsets"] = new JsonArray(0, 0) };

    private static void Rename(JsonObject header, string from, string to)
    {
        JsonNode tensor = header[from]!.DeepClone();
        header.Remove(from);
        header[to] = tensor;
    }

    private static void Cut(string path, long length)
    {
        using FileStream stream = File.OpenWrite(path);
        stream.SetLength(length);
    }

    private static void Patch(string path, long at, byte[] bytes)
    {
        using FileStream stream = File.OpenWrite(path);
        stream.Position = at;
        stream.Write(bytes);
    }

    private async Task Refuse(string name, Action<GoldenCheckpoint> damage, string[] names)
    {
        using GoldenCheckpoint checkpoint = new(name);
        damage(checkpoint);
        Check(await Draw(checkpoint.Path), names);
        Assert.That(cli.Files(), Is.Empty, "nothing was written");
    }

    private static void Check(CliOutcome outcome, string[] names)
    {
        TestContext.Out.WriteLine(outcome.Error);
        using (Assert.EnterMultipleScope())
        {
            Assert.That(outcome.ExitCode, Is.EqualTo(3), outcome.Error);
            Assert.That(outcome.Error, Does.Match(@"(?m)^error: .+").And.Match(@"(?m)^hint: .+"));
            Assert.That(outcome.Out, Is.Empty);
            foreach (string culprit in names)
            {
                Assert.That(outcome.Error, Does.Contain(culprit));
            }
        }
    }

    private Task<CliOutcome> Draw(string model, params string[] args) =>
        cli.RunAsync(["generate", "-m", model, "-p", "a red circle", "-W", "32", "-H", "32", "--steps", "1", "-s", "1", "-q", "-o", cli.File("a.png"), .. args]);
}
