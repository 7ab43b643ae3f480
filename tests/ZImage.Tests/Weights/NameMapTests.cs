using NUnit.Framework;
using ZImage.Tensors;
using ZImage.Weights;

namespace ZImage.Tests.Weights;

internal sealed class NameMapTests
{
    private HostStorage storage = null!;

    [SetUp]
    public void Allocate() => storage = new HostStorage(4096);

    [TearDown]
    public void Free() => storage.Dispose();

    [TestCase("")]
    [TestCase("diffusion_model.")]
    [TestCase("model.diffusion_model.")]
    public void Single_file_layout_gets_diffusers_names(string prefix)
    {
        // Pairs as diffusers' own converter maps them.
        (string Stored, string Mapped)[] pairs =
        [
            ("x_embedder.weight", "all_x_embedder.2-1.weight"),
            ("x_embedder.bias", "all_x_embedder.2-1.bias"),
            ("final_layer.linear.weight", "all_final_layer.2-1.linear.weight"),
            ("final_layer.adaLN_modulation.1.bias", "all_final_layer.2-1.adaLN_modulation.1.bias"),
            ("layers.3.attention.out.weight", "layers.3.attention.to_out.0.weight"),
            ("noise_refiner.0.attention.q_norm.weight", "noise_refiner.0.attention.norm_q.weight"),
            ("context_refiner.1.attention.k_norm.weight", "context_refiner.1.attention.norm_k.weight"),
            ("layers.0.adaLN_modulation.0.weight", "layers.0.adaLN_modulation.0.weight"),
            ("cap_embedder.1.weight", "cap_embedder.1.weight"),
            ("x_pad_token", "x_pad_token"),
        ];
        IReadOnlyDictionary<string, StoredTensor> mapped = NameMap.Transformer(Stored([.. pairs.Select(pair => prefix + pair.Stored), prefix + "norm_final.weight"]));
        Assert.That(mapped.Keys, Is.EquivalentTo(pairs.Select(pair => pair.Mapped)));
        Assert.That(mapped["all_x_embedder.2-1.weight"].Source, Is.EqualTo($"memory: {prefix}x_embedder.weight"));
    }

    [Test]
    public unsafe void Fused_qkv_becomes_views_of_its_rows()
    {
        Tensor fused = new(storage, DType.F32, new Shape(6, 4));
        IReadOnlyDictionary<string, StoredTensor> mapped = NameMap.Transformer(new Dictionary<string, StoredTensor> { ["layers.0.attention.qkv.weight"] = StoredTensor.From(fused) });
        string[] names = ["to_q", "to_k", "to_v"];
        Assert.That(mapped.Keys, Is.EquivalentTo(names.Select(name => $"layers.0.attention.{name}.weight")));
        for (int i = 0; i < 3; i++)
        {
            Tensor part = mapped[$"layers.0.attention.{names[i]}.weight"].View;
            Assert.That(part.Shape, Is.EqualTo(new Shape(2, 4)));
            Assert.That(part.Address, Is.EqualTo(fused.Address + (i * 2 * 4 * sizeof(float))));
        }
    }

    [Test]
    public void Diffusers_layout_is_left_alone_but_for_the_junk()
    {
        string[] names = ["all_x_embedder.2-1.weight", "layers.0.attention.to_q.weight", "layers.0.attention.to_out.0.weight", "layers.0.attention.norm_q.weight", "all_final_layer.2-1.linear.bias"];
        Assert.That(NameMap.Transformer(Stored([.. names, "norm_final.weight"])).Keys, Is.EquivalentTo(names));
    }

    [Test]
    public void Unknown_names_survive_and_other_parts_of_a_prefixed_file_do_not() =>
        Assert.That(
            NameMap.Transformer(Stored("model.diffusion_model.x_pad_token", "model.diffusion_model.strange", "stray", "vae.decoder.conv_in.weight", "text_encoders.qwen3_4b.transformer.model.norm.weight")).Keys,
            Is.EquivalentTo(new[] { "x_pad_token", "strange", "stray" }));

    [Test]
    public void Two_tensors_for_one_name_are_refused() =>
        Assert.That(
            () => NameMap.Transformer(Stored("x_embedder.weight", "all_x_embedder.2-1.weight")),
            Throws.TypeOf<ModelFormatException>().With.Message.Contains("all_x_embedder.2-1.weight"));

    [TestCase("")]
    [TestCase("model.")]
    public void Text_encoder_loses_prefix_head_and_rotary_buffers(string prefix) =>
        Assert.That(
            NameMap.TextEncoder(Stored(prefix + "embed_tokens.weight", prefix + "layers.0.self_attn.q_proj.weight", prefix + "norm.weight", "lm_head.weight", prefix + "rotary_emb.inv_freq", prefix + "layers.0.self_attn.rotary_emb.inv_freq")).Keys,
            Is.EquivalentTo(new[] { "embed_tokens.weight", "layers.0.self_attn.q_proj.weight", "norm.weight" }));

    private Dictionary<string, StoredTensor> Stored(params string[] names) =>
        names.ToDictionary(name => name, _ => StoredTensor.From(new Tensor(storage, DType.F32, new Shape(1))));
}
