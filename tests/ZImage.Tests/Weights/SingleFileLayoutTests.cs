using NUnit.Framework;
using ZImage.Tensors;
using ZImage.Tests.Support;
using ZImage.Weights;

namespace ZImage.Tests.Weights;

/// <summary>
/// The transformer as ComfyUI and the authors' own repository store it: one file, fused qkv, other names, and perhaps a prefix. Converted here from
/// the diffusers layout of a golden checkpoint, so the pictures must be the same to the bit.
/// </summary>
[TestFixture]
internal sealed class SingleFileLayoutTests
{
    private static readonly GenerationRequest Request = new("a red circle") { Width = 48, Height = 32, Steps = 2, Seed = 3 };

    private float[] expected = null!;

    [OneTimeSetUp]
    public async Task DrawFromDiffusersLayout() => expected = await Draw(GoldenCheckpoint.PathOf("tiny-turbo"), null);

    [Test]
    public async Task A_single_file_draws_the_same_latents(
        [Values("", "model.diffusion_model.", "diffusion_model.")] string prefix, [Values] bool isOption)
    {
        using GoldenCheckpoint checkpoint = new("tiny-turbo");
        string original = checkpoint.File("transformer/diffusion_pytorch_model.safetensors");
        string single = checkpoint.File("z_image.safetensors");
        Convert(original, single, prefix);
        if (isOption)
        {
            Directory.Delete(checkpoint.File("transformer"), true);
        }
        else
        {
            File.Move(single, original, overwrite: true);
        }

        Assert.That(await Draw(checkpoint.Path, isOption ? single : null), Is.EqualTo(expected));
    }

    [Test]
    public async Task A_folder_without_config_is_read_from_its_tensors()
    {
        using GoldenCheckpoint checkpoint = new("tiny-turbo");
        string original = checkpoint.File("transformer/diffusion_pytorch_model.safetensors");
        Convert(original, checkpoint.File("transformer/anything.safetensors"), "model.diffusion_model.");
        File.Delete(original);
        using ZImagePipeline pipeline = await ZImagePipeline.LoadAsync(checkpoint.Path);

        Assert.That((await pipeline.GenerateAsync(Request)).Latents.Values, Is.EqualTo(expected));
    }

    /// <summary>Writes the names of the authors' repository; a prefixed file also carries parts of other models, as all-in-one files do.</summary>
    private static void Convert(string from, string to, string prefix)
    {
        using SafetensorsFile file = SafetensorsFile.Open(from);
        List<SafetensorsTensor> tensors = [];
        foreach (SafetensorsEntry entry in file.Entries.Where(e => !e.Name.Contains(".attention.to_k.") && !e.Name.Contains(".attention.to_v.")))
        {
            string name = prefix + entry.Name
                .Replace("all_x_embedder.2-1.", "x_embedder.", StringComparison.Ordinal)
                .Replace("all_final_layer.2-1.", "final_layer.", StringComparison.Ordinal)
                .Replace(".attention.to_out.0.", ".attention.out.", StringComparison.Ordinal)
                .Replace(".attention.norm_q.", ".attention.q_norm.", StringComparison.Ordinal)
                .Replace(".attention.norm_k.", ".attention.k_norm.", StringComparison.Ordinal)
                .Replace(".attention.to_q.", ".attention.qkv.", StringComparison.Ordinal);
            if (!entry.Name.Contains(".attention.to_q."))
            {
                tensors.Add(new SafetensorsTensor(name, file[entry.Name]));
                continue;
            }

            Tensor[] parts = [.. new[] { "to_q", "to_k", "to_v" }.Select(part => file[entry.Name.Replace("to_q", part, StringComparison.Ordinal)])];
            byte[] fused = [.. parts.SelectMany(part => part.AsSpan<BFloat16>().ToArray()).SelectMany(value => BitConverter.GetBytes(value.Bits))];
            tensors.Add(new SafetensorsTensor(name, DType.BF16, new Shape(3 * entry.Shape[0], entry.Shape[1]), fused));
        }

        // Published single files carry this norm, which no layer reads.
        tensors.Add(new SafetensorsTensor(prefix + "norm_final.weight", new HostTensor([float.NaN], new Shape(1))));
        if (prefix.Length > 0)
        {
            tensors.Add(new SafetensorsTensor("vae.decoder.conv_in.bias", new HostTensor([1], new Shape(1))));
            tensors.Add(new SafetensorsTensor("text_encoders.qwen3.norm.weight", new HostTensor([1], new Shape(1))));
        }

        SafetensorsWriter.Write(to, tensors);
    }

    private static async Task<float[]> Draw(string folder, string? transformerFile)
    {
        using ZImagePipeline pipeline = await ZImagePipeline.LoadAsync(folder, new PipelineOptions { TransformerFile = transformerFile });
        return (await pipeline.GenerateAsync(Request)).Latents.Values;
    }
}
