using System.Text;
using NUnit.Framework;
using ZImage.Tensors;
using ZImage.Tests.Golden;
using ZImage.Tests.Sampling;
using ZImage.Weights;

namespace ZImage.Tests.Weights;

public sealed class SyntheticCheckpointTests
{
    // Numbers that PyTorch drew: cuda_<seed>_<count> of golden/noise.
    private const ulong GoldenSeed = 42;

    [TestCase("layers.0.attention.to_q.weight", new[] { 4, 25 }, "linear")]
    [TestCase("decoder.conv_in.weight", new[] { 2, 2, 5, 5 }, "linear")]
    [TestCase("embed_tokens.weight", new[] { 10, 10 }, "small")]
    [TestCase("x_pad_token", new[] { 1, 100 }, "small")]
    [TestCase("all_x_embedder.2-1.bias", new[] { 100 }, "small")]
    [TestCase("layers.0.attention_norm1.weight", new[] { 100 }, "norm")]
    public void Values_are_PyTorchs_draw_scaled_and_rounded(string name, int[] extents, string kind)
    {
        float[] drawn = NoiseGoldens.Get($"cuda_{GoldenSeed}_100");
        float inputs = extents.Skip(1).Aggregate(1, (product, extent) => product * extent);
        long number = (long)GoldenSeed - Crc(name);
        float[] expected =
        [
            .. drawn.Select(r => BFloat16.FromSingle(kind switch
            {
                "linear" => r * (1f / MathF.Sqrt(inputs)),
                "norm" => 1f + (0.1f * r),
                _ => 0.02f * r,
            }).ToSingle()),
        ];

        using SyntheticStorage storage = new(name, new Shape(extents), number);

        Assert.That(storage.IsMaterialized, Is.False);
        Assert.That(HostFloats.Copy(new Tensor(storage, DType.BF16, new Shape(extents))), Is.EqualTo(expected));
    }

    [Test]
    public void Values_are_made_when_asked_for_and_again_after_they_were_discarded()
    {
        using SyntheticStorage storage = new("a.weight", new Shape(3, 5), 7);
        Tensor tensor = new(storage, DType.BF16, new Shape(3, 5));
        float[] first = HostFloats.Copy(tensor);
        storage.Discard();

        Assert.That(storage.IsMaterialized, Is.False);
        Assert.That(HostFloats.Copy(tensor), Is.EqualTo(first));
    }

    [Test]
    public void The_full_size_has_the_published_number_of_parameters()
    {
        ModelInfo info = ModelInfo.Read("synthetic:turbo:7");

        // Told by PyTorch for the three modules (golden/full_size.py); the text encoder without its last layer and final norm, 101.2 M.
        using (Assert.EnterMultipleScope())
        {
            Assert.That(info.Parts.Select(part => part.Name), Is.EqualTo(new[] { "text_encoder", "transformer", "vae" }));
            Assert.That(info.Parts[1].ParameterCount / 1e9, Is.EqualTo(6.155).Within(0.0005));
            Assert.That(info.Parts[2].ParameterCount / 1e9, Is.EqualTo(0.084).Within(0.0005));
            Assert.That(info.Parts[0].ParameterCount / 1e9, Is.EqualTo(4.022 - 0.101).Within(0.001));
            Assert.That(info.FileBytes, Is.EqualTo(2 * info.ParameterCount));
            Assert.That((info.IsTurbo, info.DefaultSteps, info.Scheduler!.Shift), Is.EqualTo(((bool?)true, (int?)8, 3.0)));
        }
    }

    [Test]
    public void The_tiny_shape_is_that_of_the_golden_checkpoint()
    {
        using PartWeights synthetic = ModelFolder.Open("synthetic:tiny:1").OpenTransformer();
        using PartWeights golden = GoldenModel.Folder("tiny-turbo").OpenTransformer();

        Assert.That(
            synthetic.Tensors.Select(pair => (pair.Key, pair.Value.Shape)),
            Is.EquivalentTo(golden.Tensors.Select(pair => (pair.Key, pair.Value.Shape))));
    }

    [TestCase("synthetic:turbo")]
    [TestCase("synthetic:turbo:x")]
    [TestCase("synthetic:huge:1")]
    public void Another_name_is_refused_with_the_names_there_are(string name) =>
        Assert.That(
            () => ModelFolder.Open(name),
            Throws.TypeOf<ModelFormatException>().With.Property(nameof(ModelFormatException.Hint)).Contains("synthetic:turbo:7"));

    [Test]
    public async Task The_tiny_checkpoint_draws_the_same_picture_for_the_same_number_and_another_for_another()
    {
        float[] first = await Latents("synthetic:tiny:1", "a fox");
        float[] again = await Latents("synthetic:tiny:1", "a fox");
        float[] otherNumber = await Latents("synthetic:tiny:2", "a fox");
        float[] otherPrompt = await Latents("synthetic:tiny:1", "an owl");

        using (Assert.EnterMultipleScope())
        {
            Assert.That(again, Is.EqualTo(first));
            Assert.That(otherNumber, Is.Not.EqualTo(first));
            Assert.That(otherPrompt, Is.Not.EqualTo(first));
        }
    }

    private static async Task<float[]> Latents(string model, string prompt)
    {
        await using ZImagePipeline pipeline = await ZImagePipeline.LoadAsync(model, new PipelineOptions { Device = "cpu" });
        Assert.That(pipeline.Warnings, Has.Some.Contains("has no tokenizer"));
        return (await pipeline.GenerateAsync(new GenerationRequest(prompt) { Width = 32, Height = 32, Steps = 2, Seed = 3 })).Latents.Values;
    }

    /// <summary>Bit by bit, as the definition of CRC-32 has it: not the engine's tables.</summary>
    private static uint Crc(string name)
    {
        uint crc = uint.MaxValue;
        foreach (byte value in Encoding.UTF8.GetBytes(name))
        {
            crc ^= value;
            for (int bit = 0; bit < 8; bit++)
            {
                crc = (crc >> 1) ^ ((crc & 1) * 0xEDB88320u);
            }
        }

        return ~crc;
    }
}
