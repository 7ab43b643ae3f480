using NUnit.Framework;
using System.Text;
using CsCheck;
using ZImage.Dit;
using ZImage.Sampling;
using ZImage.Text;
using ZImage.Vae;
using ZImage.Weights;

namespace ZImage.Tests.Weights;

/// <summary>Whatever stands under a key, a config is read or refused with the file and the key.</summary>
internal sealed class ConfigPropertyTests
{
    private static readonly string[] Junk =
    [
        "null", "true", "\"\"", "\"x\"", "\"silu\"", "\"\\udc00\"", "0", "-1", "1", "2", "0.5", "1e-30", "1e30", "1e999", "-1e999", "9223372036854775808", "{}", "[]", "[null]", "[\"x\"]", "[0]", "[2]",
        "[2,2,2]", "[1e9]", "[[2]]", "{\"rope_theta\":[]}", "{\"rope_type\":3}",
    ];

    private static readonly (string Name, Action<ConfigReader> Read, string[] Keys)[] Configs =
    [
        ("transformer", config => ZImageTransformerConfig.Read(config), ["all_patch_size", "all_f_patch_size", "in_channels", "dim", "n_layers", "n_refiner_layers", "n_heads", "n_kv_heads", "norm_eps", "qk_norm", "cap_feat_dim", "siglip_feat_dim", "rope_theta", "t_scale", "axes_dims", "axes_lens", "_class_name", "unknown"]),
        ("text", config => Qwen3Config.Read(config), ["vocab_size", "hidden_size", "intermediate_size", "num_hidden_layers", "num_attention_heads", "num_key_value_heads", "head_dim", "hidden_act", "rms_norm_eps", "rope_theta", "rope_parameters", "rope_scaling", "attention_bias", "use_sliding_window", "sliding_window", "max_window_layers", "layer_types", "model_type"]),
        ("vae", config => AutoencoderKlConfig.Read(config), ["in_channels", "out_channels", "latent_channels", "block_out_channels", "layers_per_block", "norm_num_groups", "scaling_factor", "shift_factor", "mid_block_add_attention", "use_quant_conv", "act_fn", "down_block_types", "up_block_types", "latents_mean"]),
        ("scheduler", config => SchedulerConfig.Read(config), ["num_train_timesteps", "shift", "use_dynamic_shifting", "base_shift", "max_shift", "base_image_seq_len", "max_image_seq_len", "shift_terminal", "time_shift_type", "use_karras_sigmas", "use_exponential_sigmas", "invert_sigmas", "use_beta_sigmas", "stochastic_sampling"]),
    ];

    [Test]
    public void Any_value_under_any_key_is_taken_or_refused_by_name([Range(0, 3)] int which)
    {
        (string name, Action<ConfigReader> read, string[] keys) = Configs[which];
        int refused = 0;
        foreach (string key in keys)
        {
            foreach (string junk in Junk)
            {
                try
                {
                    read(ConfigReader.Parse(Encoding.UTF8.GetBytes($$"""{"{{key}}":{{junk}}}"""), name));
                }
                catch (ModelFormatException exception)
                {
                    refused++;
                    Assert.That(exception.Message, Does.StartWith($"{name}: "), $"{key}: {junk}");
                    Assert.That(exception.Hint, Is.Not.Empty);
                }
            }
        }

        Assert.That(refused, Is.GreaterThan(keys.Length * 5));
    }

    [Test]
    public void Random_bytes_are_refused_or_make_a_config() => Gen.Byte.Array[0, 100].Sample(
        bytes =>
        {
            try
            {
                Configs[0].Read(ConfigReader.Parse(bytes, "x"));
            }
            catch (ModelFormatException exception)
            {
                return exception.Message.StartsWith("x: ", StringComparison.Ordinal);
            }

            return true;
        },
        iter: 2000,
        threads: 1);
}
