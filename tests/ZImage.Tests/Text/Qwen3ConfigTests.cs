using NUnit.Framework;
using System.Text;
using ZImage.Text;
using ZImage.Weights;

namespace ZImage.Tests.Text;

internal sealed class Qwen3ConfigTests
{
    /// <summary>Qwen3-4B as transformers 4 writes it.</summary>
    private const string Qwen4B =
        """{"architectures":["Qwen3ForCausalLM"],"attention_bias":false,"head_dim":128,"hidden_act":"silu","hidden_size":2560,"intermediate_size":9728,"max_window_layers":36,"model_type":"qwen3","num_attention_heads":32,"num_hidden_layers":36,"num_key_value_heads":8,"rms_norm_eps":1e-06,"rope_scaling":null,"rope_theta":1000000,"sliding_window":null,"tie_word_embeddings":true,"torch_dtype":"bfloat16","use_sliding_window":false,"vocab_size":151936}""";

    [Test]
    public void Qwen3_4B_is_read()
    {
        Qwen3Config config = Read(Qwen4B);
        using (Assert.EnterMultipleScope())
        {
            Assert.That((config.VocabSize, config.HiddenSize, config.IntermediateSize, config.LayerCount), Is.EqualTo((151936, 2560, 9728, 36)));
            Assert.That((config.HeadCount, config.KeyValueHeadCount, config.HeadDim), Is.EqualTo((32, 8, 128)));
            Assert.That((config.RmsNormEps, config.RopeTheta, config.AttentionBias), Is.EqualTo((1e-6f, 1e6, false)));
        }
    }

    [Test]
    public void Absent_fields_have_the_defaults_of_transformers()
    {
        Qwen3Config config = Read("{}");
        using (Assert.EnterMultipleScope())
        {
            Assert.That((config.VocabSize, config.HiddenSize, config.IntermediateSize, config.LayerCount), Is.EqualTo((151936, 4096, 22016, 32)));
            Assert.That((config.HeadCount, config.KeyValueHeadCount, config.HeadDim), Is.EqualTo((32, 32, 128)));
            Assert.That(config.RmsNormEps, Is.EqualTo(1e-6f));
        }
    }

    [TestCase("""{"rope_parameters":{"rope_type":"default","rope_theta":1000000}}""", 1e6)]
    [TestCase("""{"rope_theta":5000}""", 5000)]
    [TestCase("""{"rope_theta":5000,"rope_scaling":{"type":"default"}}""", 5000)]
    [TestCase("""{"rope_theta":5000,"rope_parameters":null}""", 5000)]
    public void Rope_theta_is_found_where_either_version_writes_it(string json, double theta) => Assert.That(Read(json).RopeTheta, Is.EqualTo(theta));

    [Test]
    public void Null_for_key_value_heads_means_one_for_each_head() =>
        Assert.That(Read("""{"num_attention_heads":6,"num_key_value_heads":null}""").KeyValueHeadCount, Is.EqualTo(6));

    [TestCase("""{"use_sliding_window":true,"sliding_window":null}""")]
    [TestCase("""{"use_sliding_window":true,"num_hidden_layers":20,"max_window_layers":28}""")]
    [TestCase("""{"layer_types":["full_attention","full_attention"],"use_sliding_window":true}""")]
    public void Sliding_window_that_no_layer_uses_is_allowed(string json) => Assert.That(Read(json).LayerCount, Is.Positive);

    [TestCase("""{"use_sliding_window":true}""", "use_sliding_window is true")]
    [TestCase("""{"layer_types":["full_attention","sliding_attention"]}""", "layer_types holds 'sliding_attention'")]
    [TestCase("""{"rope_scaling":{"rope_type":"yarn","factor":4}}""", "rope_scaling asks for the type 'yarn'")]
    [TestCase("""{"rope_parameters":{"rope_type":"linear","rope_theta":1e6}}""", "rope_parameters asks for the type 'linear'")]
    [TestCase("""{"rope_parameters":{"rope_theta":"x"}}""", "rope_parameters.rope_theta is \"x\"")]
    [TestCase("""{"rope_parameters":7}""", "rope_parameters is 7; expected is an object")]
    [TestCase("""{"hidden_act":"gelu"}""", "hidden_act is 'gelu'")]
    [TestCase("""{"model_type":"qwen2"}""", "model_type is 'qwen2'")]
    [TestCase("""{"num_attention_heads":32,"num_key_value_heads":5}""", "num_key_value_heads is 5, which does not divide")]
    [TestCase("""{"head_dim":127}""", "head_dim is 127; expected is an even number")]
    [TestCase("""{"vocab_size":0}""", "vocab_size is 0")]
    [TestCase("""{"quantization_config":{"quant_method":"awq"}}""", "quantization_config is set")]
    [TestCase("""{"model_type":"\ud800"}""", "model_type is not valid text")]
    [TestCase("""{"\ud800":1}""", "not valid text")]
    [TestCase("""3""", "not a JSON object")]
    public void What_the_encoder_does_not_do_is_refused(string json, string reason) =>
        Assert.That(() => Read(json), Throws.TypeOf<ModelFormatException>().With.Message.Contains(reason).And.Message.StartsWith("text_encoder/config.json: ").And.Property("Hint").Not.Empty);

    private static Qwen3Config Read(string json) => Qwen3Config.Read(ConfigReader.Parse(Encoding.UTF8.GetBytes(json), "text_encoder/config.json"));
}
