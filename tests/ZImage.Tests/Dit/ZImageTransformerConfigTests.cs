using NUnit.Framework;
using System.Text;
using ZImage.Dit;
using ZImage.Tensors;
using ZImage.Tests.Weights;
using ZImage.Weights;

namespace ZImage.Tests.Dit;

internal sealed class ZImageTransformerConfigTests
{
    /// <summary>The Turbo checkpoint's fields.</summary>
    private const string Turbo =
        """{"_class_name":"ZImageTransformer2DModel","all_patch_size":[2],"all_f_patch_size":[1],"in_channels":16,"dim":3840,"n_layers":30,"n_refiner_layers":2,"n_heads":30,"n_kv_heads":30,"norm_eps":1e-05,"qk_norm":true,"cap_feat_dim":2560,"rope_theta":256.0,"t_scale":1000.0,"axes_dims":[32,48,48],"axes_lens":[1536,512,512]}""";

    [Test]
    public void Turbo_config_is_read_and_derived_sizes_follow()
    {
        ZImageTransformerConfig config = Read(Turbo);
        using (Assert.EnterMultipleScope())
        {
            Assert.That((config.Dim, config.HeadCount, config.LayerCount, config.RefinerLayerCount), Is.EqualTo((3840, 30, 30, 2)));
            Assert.That((config.HeadDim, config.FfnDim, config.AdaLnDim, config.PatchDim), Is.EqualTo((128, 10240, 256, 64)));
            Assert.That((config.InChannels, config.TextDim, config.SiglipDim), Is.EqualTo((16, 2560, (int?)null)));
            Assert.That((config.NormEps, config.RopeTheta, config.TimeScale, config.QkNorm), Is.EqualTo((1e-5f, 256.0, 1000f, true)));
            Assert.That(config.AxesDims, Is.EqualTo(new[] { 32, 48, 48 }));
            Assert.That(config.AxesLens, Is.EqualTo(new[] { 1536, 512, 512 }));
        }
    }

    [Test]
    public void Absent_fields_have_the_defaults_of_diffusers()
    {
        ZImageTransformerConfig config = Read("{}");
        using (Assert.EnterMultipleScope())
        {
            Assert.That((config.Dim, config.HeadCount, config.LayerCount, config.TextDim), Is.EqualTo((3840, 30, 30, 2560)));
            Assert.That(config.AxesLens, Is.EqualTo(new[] { 1024, 512, 512 }));
        }
    }

    [Test]
    public void Narrow_model_has_a_narrow_modulation_and_a_rounded_down_ffn()
    {
        ZImageTransformerConfig config = Read("""{"dim":32,"n_heads":2,"n_kv_heads":2,"axes_dims":[8,4,4],"axes_lens":[256,32,32],"siglip_feat_dim":64}""");
        Assert.That((config.HeadDim, config.FfnDim, config.AdaLnDim, config.SiglipDim), Is.EqualTo((16, 85, 32, (int?)64)));
    }

    [Test]
    public void Number_of_key_heads_is_not_looked_at_as_in_the_reference() =>
        Assert.That(Read(Turbo.Replace("\"n_kv_heads\":30", "\"n_kv_heads\":10", StringComparison.Ordinal)), Is.EqualTo(Read(Turbo)).Using<ZImageTransformerConfig>((a, b) => a.HeadCount == b.HeadCount && a.HeadDim == b.HeadDim));

    [TestCase("\"dim\":3840", "\"dim\":3841", "dim is 3841, which 30 heads do not divide")]
    [TestCase("\"dim\":3840", "\"dim\":\"3840\"", "dim is \"3840\"; expected is an integer from 1 to 65536")]
    [TestCase("\"dim\":3840", "\"dim\":-1", "dim is -1")]
    [TestCase("\"dim\":3840", "\"dim\":1e99", "dim is 1e99")]
    [TestCase("\"dim\":3840", "\"dim\":3840.5", "dim is 3840.5")]
    [TestCase("\"n_heads\":30", "\"n_heads\":0", "n_heads is 0")]
    [TestCase("\"n_kv_heads\":30", "\"n_kv_heads\":0", "n_kv_heads is 0")]
    [TestCase("\"all_patch_size\":[2]", "\"all_patch_size\":[4]", "all_patch_size is [4]; the engine needs 2")]
    [TestCase("\"all_patch_size\":[2]", "\"all_patch_size\":[2,4]", "all_f_patch_size has 1 entries and all_patch_size 2")]
    [TestCase("\"axes_dims\":[32,48,48]", "\"axes_dims\":[32,48,46]", "axes_dims is [32, 48, 46]; expected are even numbers whose sum is dim / n_heads = 128")]
    [TestCase("\"axes_dims\":[32,48,48]", "\"axes_dims\":[31,49,48]", "axes_dims is [31, 49, 48]")]
    [TestCase("\"axes_dims\":[32,48,48]", "\"axes_dims\":[64,64]", "axes_dims has 2 entries")]
    [TestCase("\"axes_lens\":[1536,512,512]", "\"axes_lens\":[1536,512,512,1]", "axes_lens is [1536,512,512,1]; expected is a list of 1 to 3 entries")]
    [TestCase("\"qk_norm\":true", "\"qk_norm\":1", "qk_norm is 1; expected is true or false")]
    [TestCase("\"norm_eps\":1e-05", "\"norm_eps\":\"x\"", "norm_eps is \"x\"; expected is a number")]
    [TestCase("ZImageTransformer2DModel", "FluxTransformer2DModel", "_class_name is 'FluxTransformer2DModel'; expected is 'ZImageTransformer2DModel'")]
    [TestCase("\"qk_norm\":true", "\"quantization_config\":{}", "quantization_config is set")]
    public void Wrong_field_is_refused_with_file_key_and_value(string from, string to, string reason) =>
        Assert.That(() => Read(Turbo.Replace(from, to, StringComparison.Ordinal)), Throws.TypeOf<ModelFormatException>().With.Message.Contains($"t/config.json: {reason}"));

    [TestCase("layers.0.attention.qkv.weight", "x_embedder.weight", "")]
    [TestCase("layers.0.attention.to_q.weight", "all_x_embedder.2-1.weight", "")]
    [TestCase("layers.0.attention.qkv.weight", "x_embedder.weight", "model.diffusion_model.")]
    public void Config_is_told_from_the_shapes_of_a_file_without_config(string attention, string embedder, string prefix)
    {
        string norm = attention.Contains("qkv", StringComparison.Ordinal) ? "q_norm" : "norm_q";
        ZImageTransformerConfig config = Infer(
            prefix,
            (embedder, [256, 48]), ("cap_embedder.0.weight", [96]), (attention, [768, 256]), ($"layers.0.attention.{norm}.weight", [128]),
            ("layers.1.ffn_norm1.weight", [256]), ("layers.2.ffn_norm1.weight", [256]), ("noise_refiner.0.ffn_norm1.weight", [256]), ("context_refiner.0.ffn_norm1.weight", [256]));
        using (Assert.EnterMultipleScope())
        {
            Assert.That((config.Dim, config.HeadCount, config.HeadDim, config.InChannels), Is.EqualTo((256, 2, 128, 12)));
            Assert.That((config.LayerCount, config.RefinerLayerCount, config.TextDim), Is.EqualTo((3, 1, 96)));
            Assert.That(config.AxesDims, Is.EqualTo(new[] { 32, 48, 48 }));
        }
    }

    [Test]
    public void Config_that_shapes_cannot_tell_is_asked_for()
    {
        (string, int[])[] good =
        [
            ("x_embedder.weight", [256, 64]), ("cap_embedder.0.weight", [96]), ("layers.0.attention.q_norm.weight", [128]),
            ("noise_refiner.0.ffn_norm1.weight", [256]), ("context_refiner.0.ffn_norm1.weight", [256]),
        ];
        using (Assert.EnterMultipleScope())
        {
            Refused("heads have 64 elements", [.. good[..2], ("layers.0.attention.q_norm.weight", [64]), .. good[3..]]);
            Refused("no tensor 'all_x_embedder.2-1.weight'", good[1..]);
            Refused("'layers.N' are not numbered", [.. good, ("layers.900000000.x", [1])]);
            Refused("two refiners", [.. good, ("noise_refiner.1.x", [1])]);
            Refused("do not fit each other", [("x_embedder.weight", [200, 64]), .. good[1..]]);
            Refused("'cap_embedder.0.weight' has the shape [96, 1]", [good[0], ("cap_embedder.0.weight", [96, 1]), .. good[2..]]);
        }
    }

    private static void Refused(string reason, params (string, int[])[] tensors) =>
        Assert.That(() => Infer("", tensors), Throws.TypeOf<ModelFormatException>().With.Message.Contains(reason).And.Property("Hint").Contains("config.json"));

    private static ZImageTransformerConfig Infer(string prefix, params (string Name, int[] Shape)[] tensors)
    {
        using CheckpointFolder folder = new();
        using WeightFiles files = WeightFiles.OpenFile(folder.WriteZeros("z.safetensors", DType.BF16, [.. tensors.Select(tensor => (prefix + tensor.Name, tensor.Shape))]));
        return ZImageTransformerConfig.Infer(NameMap.Transformer(files.Tensors), "z.safetensors");
    }

    private static ZImageTransformerConfig Read(string json) => ZImageTransformerConfig.Read(ConfigReader.Parse(Encoding.UTF8.GetBytes(json), "t/config.json"));
}
