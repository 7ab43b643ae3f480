using NUnit.Framework;
using System.Text;
using ZImage.Dit;
using ZImage.Text;
using ZImage.Vae;
using ZImage.Weights;

namespace ZImage.Tests.Weights;

/// <summary>The published sizes at 1024x1024, worked out by hand from the documented formulas.</summary>
internal sealed class MemoryPlanTests
{
    private static readonly ZImageTransformerConfig Transformer = ZImageTransformerConfig.Read(Config("{}"));

    private static readonly Qwen3Config TextEncoder = Qwen3Config.Read(
        Config("""{"hidden_size":2560,"intermediate_size":9728,"num_hidden_layers":36,"num_attention_heads":32,"num_key_value_heads":8,"head_dim":128}"""));

    private static readonly AutoencoderKlConfig Vae = AutoencoderKlConfig.Read(Config(
        """{"block_out_channels":[128,256,512,512],"latent_channels":16,"down_block_types":["DownEncoderBlock2D","DownEncoderBlock2D","DownEncoderBlock2D","DownEncoderBlock2D"],"up_block_types":["UpDecoderBlock2D","UpDecoderBlock2D","UpDecoderBlock2D","UpDecoderBlock2D"]}"""));

    [Test]
    public void Stages_follow_the_documented_formulas()
    {
        MemoryEstimate estimate = MemoryPlan.ForCpu(Transformer, TextEncoder, Vae, 1000, 1024, 1024, 1);
        using (Assert.EnterMultipleScope())
        {
            // 64 x 64 image tokens and 512 text tokens, 8 * 3840 + 3 * 10240 + 2 * 128 = 61,696 values a row.
            Assert.That(estimate.TransformerBytes, Is.EqualTo(4608L * 61696 * 4));

            // 3 * 2560 + 2 * (32 + 8) * 128 + 3 * 9728 = 47,104 values a row.
            Assert.That(estimate.TextEncoderBytes, Is.EqualTo(512L * 47104 * 4));

            // 256 channels at full resolution are 1 GiB.
            Assert.That(estimate.VaeBytes, Is.EqualTo(13L << 28));
            Assert.That(estimate.ActivationBytes, Is.EqualTo(13L << 28));
            Assert.That(estimate.TotalBytes, Is.EqualTo((13L << 28) + 1000));
        }
    }

    [Test]
    public void Tokens_are_padded_to_32_and_batches_multiply() =>
        Assert.That(MemoryPlan.Transformer(Transformer, latentWidth: 6, latentHeight: 6, batch: 2, textTokens: 33), Is.EqualTo(2L * (32 + 64) * 61696 * 4));

    [Test]
    public void Largest_sizes_do_not_overflow_and_senseless_ones_are_refused()
    {
        Assert.That(MemoryPlan.ForCpu(Transformer, TextEncoder, Vae, 0, 65536, 65536, 4096).TotalBytes, Is.Positive);
        Assert.That(() => MemoryPlan.ForCpu(Transformer, TextEncoder, Vae, 0, 0, 64, 1), Throws.InstanceOf<ArgumentOutOfRangeException>());
        Assert.That(() => MemoryPlan.ForCpu(Transformer, TextEncoder, Vae, 0, 64, 65537, 1), Throws.InstanceOf<ArgumentOutOfRangeException>());
    }

    private static ConfigReader Config(string json) => ConfigReader.Parse(Encoding.UTF8.GetBytes(json), "config.json");
}
