using System.Text.Json.Nodes;
using NUnit.Framework;
using ZImage.Tests.Support;

namespace ZImage.Tests.Generation;

/// <summary>What the reference carries along without using it for text to image changes no pixel, and what no config has is reported.</summary>
public sealed class UnusedPartsTests
{
    private const string Weights = "transformer/diffusion_pytorch_model.safetensors";
    private const string Config = "transformer/config.json";

    [Test]
    public async Task Other_patch_sizes_picture_features_and_key_heads_change_nothing()
    {
        using GoldenCheckpoint plain = new("tiny-turbo");
        using GoldenCheckpoint rich = new("tiny-turbo");
        rich.EditJson(Config, json =>
        {
            json["all_patch_size"] = new JsonArray(4, 2);
            json["all_f_patch_size"] = new JsonArray(1, 1);
            json["n_kv_heads"] = 30;
            json["siglip_feat_dim"] = 24;
        });
        rich.EditHeader(Weights, header =>
        {
            foreach (string name in new[] { "all_x_embedder.4-1.weight", "all_final_layer.4-1.adaLN_modulation.1.bias", "siglip_pad_token", "siglip_refiner.0.ffn_norm1.weight" })
            {
                header[name] = new JsonObject { ["dtype"] = "F32", ["shape"] = new JsonArray(0), ["data_offsets"] = new JsonArray(0, 0) };
            }
        });

        (byte[] expected, IReadOnlyList<string> none) = await Draw(plain.Path);
        (byte[] actual, IReadOnlyList<string> warnings) = await Draw(rich.Path);
        using (Assert.EnterMultipleScope())
        {
            Assert.That(actual, Is.EqualTo(expected));
            Assert.That(none.Concat(warnings), Is.Empty);
        }
    }

    [Test]
    public async Task A_key_that_the_engine_does_not_know_is_a_warning()
    {
        using GoldenCheckpoint checkpoint = new("tiny-turbo");
        checkpoint.EditJson(Config, json => json["attention_gate"] = true);
        (_, IReadOnlyList<string> warnings) = await Draw(checkpoint.Path);
        Assert.That(warnings, Has.Count.EqualTo(1).And.All.Contains("attention_gate").And.All.Contains("config.json"));
    }

    private static async Task<(byte[] Pixels, IReadOnlyList<string> Warnings)> Draw(string path)
    {
        await using ZImagePipeline pipeline = await ZImagePipeline.LoadAsync(path, new PipelineOptions { Device = "cpu" });
        GenerationResult result = await pipeline.GenerateAsync(new GenerationRequest(["a red circle"]) { Width = 32, Height = 32, Steps = 1, Guidance = 0, Seed = 1 });
        return ([.. result.Images.Single().Image.Rgb], result.Warnings);
    }
}
