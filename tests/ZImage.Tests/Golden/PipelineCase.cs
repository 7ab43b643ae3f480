using System.Text.Json;
using NUnit.Framework;
using ZImage.Backends.Cpu;
using ZImage.Imaging;
using ZImage.Sampling;
using ZImage.Tensors;
using ZImage.Tests.Support;

namespace ZImage.Tests.Golden;

/// <summary>One request as the exporter stored it, and the comparison of what the engine draws with what PyTorch drew.</summary>
internal static class PipelineCase
{
    /// <summary>Share of pixel values that may differ by more than one level: rounding at a level's edge.</summary>
    private const double PixelsOff = 0.001;

    /// <summary>Runs a case on a backend and compares every step, the latents and the pixels.</summary>
    /// <param name="backend">Where it runs.</param>
    /// <param name="folder">The folder whose <c>checkpoints/</c> holds the case's checkpoint.</param>
    /// <param name="file">The case.</param>
    /// <param name="givenNoise">Whether it starts from PyTorch's noise; else from the seed.</param>
    public static async Task CheckAsync(GoldenBackend backend, string folder, GoldenFile file, bool givenNoise)
    {
        bool exact = backend.Name == "cpu" || backend.Options.Precision == "f32";
        using CpuBackend host = new(1);
        Dictionary<string, RecordingProbe> probes = [];
        PipelineOptions options = backend.Options with { ProbeFactory = stage => probes[stage] = new RecordingProbe(host) };
        string checkpoint = Path.Combine(folder, "checkpoints", file.Json("request").GetProperty("checkpoint").GetString()!);
        Assert.That(checkpoint, Does.Exist, "the case's checkpoint");
        await using ZImagePipeline pipeline = await ZImagePipeline.LoadAsync(checkpoint, options);

        GenerationResult result = await pipeline.GenerateAsync(Request(file, givenNoise));

        // PyTorch's bfloat16 run kept its final latents and its picture. The embeddings have a test of their own.
        for (int i = 0; exact && i < result.PromptEmbeds.Count; i++)
        {
            Tolerance.Float32($"prompt_embeds.{i}", result.PromptEmbeds[i].Values, file.Floats($"ref.prompt_embeds.{i}"));
        }

        for (int i = 0; exact && i < result.NegativePromptEmbeds.Count; i++)
        {
            Tolerance.Float32($"negative_prompt_embeds.{i}", result.NegativePromptEmbeds[i].Values, file.Floats($"ref.negative_prompt_embeds.{i}"));
        }

        int steps = 0;
        for (; file.Has($"ref.step.{steps}"); steps++)
        {
            float[] latents = probes[$"transformer.step-{steps + 1:00}"]["latents"].Values;
            if (exact)
            {
                Tolerance.Float32($"step.{steps}", latents, file.Floats($"ref.step.{steps}"));
            }
        }

        Assert.That(steps, Is.GreaterThan(0), "the case holds the latents of its steps");
        Assert.That(probes.ContainsKey($"transformer.step-{steps + 1:00}"), Is.False, "and no step more was run");
        byte[] image = file.Bytes("ref.image");
        byte[] pixels = [.. result.Images.SelectMany(item => item.Image.Rgb)];
        if (exact)
        {
            Tolerance.Float32("latents", result.Latents.Values, file.Floats("ref.latents"));
            Tolerance.Bound("pixels", "share off by more than a level", ShareOff(pixels, image), PixelsOff);
            return;
        }

        // As for tensors: twice what PyTorch's own bfloat16 run is off, plus what rounding at a level's edge may do.
        Tolerance.BFloat16("latents", result.Latents.Values, file.Floats("ref.latents"), file.Floats("torch_bf16.latents"));
        double torch = ShareOff(file.Bytes("torch_bf16.image"), image);
        Tolerance.Bound("pixels", "share off by more than a level", ShareOff(pixels, image), (2 * torch) + PixelsOff);
    }

    /// <summary>The request that a case's metadata describes.</summary>
    public static GenerationRequest Request(GoldenFile file, bool givenNoise)
    {
        JsonElement json = file.Json("request");
        int? Size(string key) => json.GetProperty(key).GetInt32();
        return new GenerationRequest([.. json.GetProperty("prompts").EnumerateArray().Select(prompt => prompt.GetString()!)])
        {
            NegativePrompt = json.GetProperty("negative_prompt").GetString(),
            Width = Size("width"),
            Height = Size("height"),
            Steps = json.GetProperty("steps").GetInt32(),
            Sigmas = json.GetProperty("sigmas").ValueKind == JsonValueKind.Null ? null : [.. json.GetProperty("sigmas").EnumerateArray().Select(sigma => sigma.GetSingle())],
            Guidance = json.GetProperty("guidance").GetDouble(),
            CfgNormalization = json.GetProperty("cfg_normalization").GetDouble(),
            CfgTruncation = json.GetProperty("cfg_truncation").GetDouble(),
            Seed = json.GetProperty("seed").GetUInt64(),
            Rng = NoiseGenerator.TorchCpu,
            ImagesPerPrompt = json.GetProperty("images_per_prompt").GetInt32(),
            Strength = json.GetProperty("strength").ValueKind == JsonValueKind.Null ? 0.6 : json.GetProperty("strength").GetDouble(),
            InitImage = json.GetProperty("image").GetString() is { } image ? Picture(file, image) : null,
            Posterior = json.GetProperty("posterior").GetString() switch
            {
                "mean" => PosteriorMode.Mean,
                "sample" => PosteriorMode.Sample,
                _ => null,
            },
            Latents = givenNoise ? new HostTensor(file.Floats("input.noise"), new Shape(file.Extents("input.noise"))) : null,
        };
    }

    private static ImageBuffer Picture(GoldenFile file, string name)
    {
        int[] shape = file.Extents(name);
        return new ImageBuffer(shape[1], shape[0], file.Bytes(name));
    }

    private static double ShareOff(byte[] actual, byte[] expected)
    {
        Assert.That(actual, Has.Length.EqualTo(expected.Length));
        int off = 0;
        for (int i = 0; i < actual.Length; i++)
        {
            off += Math.Abs(actual[i] - expected[i]) > 1 ? 1 : 0;
        }

        return (double)off / actual.Length;
    }
}
