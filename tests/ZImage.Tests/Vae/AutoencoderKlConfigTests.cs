using NUnit.Framework;
using System.Text;
using ZImage.Vae;
using ZImage.Weights;

namespace ZImage.Tests.Vae;

internal sealed class AutoencoderKlConfigTests
{
    /// <summary>The VAE of FLUX, as Z-Image carries it.</summary>
    private const string Flux =
        """{"_class_name":"AutoencoderKL","act_fn":"silu","block_out_channels":[128,256,512,512],"down_block_types":["DownEncoderBlock2D","DownEncoderBlock2D","DownEncoderBlock2D","DownEncoderBlock2D"],"force_upcast":true,"in_channels":3,"latent_channels":16,"latents_mean":null,"latents_std":null,"layers_per_block":2,"mid_block_add_attention":true,"norm_num_groups":32,"out_channels":3,"sample_size":1024,"scaling_factor":0.3611,"shift_factor":0.1159,"up_block_types":["UpDecoderBlock2D","UpDecoderBlock2D","UpDecoderBlock2D","UpDecoderBlock2D"],"use_post_quant_conv":false,"use_quant_conv":false}""";

    [Test]
    public void Flux_config_is_read()
    {
        AutoencoderKlConfig config = Read(Flux);
        using (Assert.EnterMultipleScope())
        {
            Assert.That(config.BlockOutChannels, Is.EqualTo(new[] { 128, 256, 512, 512 }));
            Assert.That((config.LatentChannels, config.LayersPerBlock, config.NormGroupCount, config.ScaleFactor), Is.EqualTo((16, 2, 32, 8)));
            Assert.That((config.ScalingFactor, config.ShiftFactor), Is.EqualTo((0.3611f, 0.1159f)));
            Assert.That((config.UseQuantConv, config.UsePostQuantConv, config.MidBlockAddAttention), Is.EqualTo((false, false, true)));
        }
    }

    [Test]
    public void Absent_fields_have_the_defaults_of_diffusers()
    {
        AutoencoderKlConfig config = Read("{}");
        using (Assert.EnterMultipleScope())
        {
            Assert.That(config.BlockOutChannels, Is.EqualTo(new[] { 64 }));
            Assert.That((config.LatentChannels, config.LayersPerBlock, config.ScaleFactor, config.ScalingFactor, config.ShiftFactor), Is.EqualTo((4, 1, 1, 0.18215f, 0f)));
            Assert.That((config.UseQuantConv, config.UsePostQuantConv, config.MidBlockAddAttention), Is.EqualTo((true, true, true)));
        }
    }

    [TestCase("\"act_fn\":\"silu\"", "\"act_fn\":\"relu\"", "act_fn is 'relu'")]
    [TestCase("[128,256,512,512]", "[128,256,512]", "down_block_types has 4 entries and block_out_channels 3")]
    [TestCase("[128,256,512,512]", "[128,250,512,512]", "block_out_channels holds 250, which norm_num_groups = 32 does not divide")]
    [TestCase("[128,256,512,512]", "[]", "block_out_channels is []")]
    [TestCase("\"UpDecoderBlock2D\"]", "\"AttnUpDecoderBlock2D\"]", "up_block_types holds 'AttnUpDecoderBlock2D'")]
    [TestCase("\"DownEncoderBlock2D\"]", "3]", "down_block_types holds 3; expected are strings")]
    [TestCase("\"scaling_factor\":0.3611", "\"scaling_factor\":0", "scaling_factor is 0")]
    [TestCase("\"latents_mean\":null", "\"latents_mean\":[1]", "latents_mean is set")]
    [TestCase("\"in_channels\":3", "\"in_channels\":4", "in_channels is 4")]
    [TestCase("\"AutoencoderKL\"", "\"AutoencoderKLWan\"", "_class_name is 'AutoencoderKLWan'")]
    public void Wrong_field_is_refused_with_file_key_and_value(string from, string to, string reason) =>
        Assert.That(() => Read(Flux.Replace(from, to, StringComparison.Ordinal)), Throws.TypeOf<ModelFormatException>().With.Message.Contains($"vae/config.json: {reason}"));

    private static AutoencoderKlConfig Read(string json) => AutoencoderKlConfig.Read(ConfigReader.Parse(Encoding.UTF8.GetBytes(json), "vae/config.json"));
}
