using NUnit.Framework;
using System.Text;
using ZImage.Sampling;
using ZImage.Weights;

namespace ZImage.Tests.Sampling;

internal sealed class SchedulerConfigTests
{
    [Test]
    public void Turbo_config_is_read()
    {
        SchedulerConfig config = Read("""{"_class_name":"FlowMatchEulerDiscreteScheduler","num_train_timesteps":1000,"use_dynamic_shifting":false,"shift":3.0}""");
        Assert.That((config.TrainTimestepCount, config.Shift, config.UseDynamicShifting), Is.EqualTo((1000, 3.0, false)));
    }

    [Test]
    public void Absent_fields_have_the_defaults_of_diffusers()
    {
        SchedulerConfig config = Read("{}");
        using (Assert.EnterMultipleScope())
        {
            Assert.That((config.TrainTimestepCount, config.Shift, config.UseDynamicShifting, config.BaseShift, config.MaxShift), Is.EqualTo((1000, 1.0, false, 0.5, 1.15)));
            Assert.That((config.BaseImageTokens, config.MaxImageTokens, config.ShiftTerminal, config.TimeShiftType), Is.EqualTo((256, 4096, (double?)null, TimeShiftType.Exponential)));
            Assert.That((config.UseKarrasSigmas, config.UseExponentialSigmas), Is.EqualTo((false, false)));
        }
    }

    [Test]
    public void Every_supported_field_is_taken_over()
    {
        SchedulerConfig config = Read(
            """{"use_dynamic_shifting":true,"base_shift":0.25,"max_shift":2,"base_image_seq_len":100,"max_image_seq_len":200,"shift_terminal":0.02,"time_shift_type":"linear","use_karras_sigmas":true,"invert_sigmas":false}""");
        Assert.That(
            (config.UseDynamicShifting, config.BaseShift, config.MaxShift, config.BaseImageTokens, config.MaxImageTokens, config.ShiftTerminal, config.TimeShiftType, config.UseKarrasSigmas),
            Is.EqualTo((true, 0.25, 2.0, 100, 200, (double?)0.02, TimeShiftType.Linear, true)));
    }

    [TestCase("""{"invert_sigmas":true}""", "invert_sigmas is true, which is not supported")]
    [TestCase("""{"use_beta_sigmas":true}""", "use_beta_sigmas is true, which is not supported")]
    [TestCase("""{"stochastic_sampling":true}""", "stochastic_sampling is true, which is not supported")]
    [TestCase("""{"time_shift_type":"cubic"}""", "time_shift_type is 'cubic'")]
    [TestCase("""{"use_karras_sigmas":true,"use_exponential_sigmas":true}""", "use_exponential_sigmas and use_karras_sigmas are both true")]
    [TestCase("""{"use_dynamic_shifting":true,"base_image_seq_len":256,"max_image_seq_len":256}""", "max_image_seq_len and base_image_seq_len are both 256")]
    [TestCase("""{"shift":0}""", "shift is 0")]
    [TestCase("""{"shift":"3"}""", "shift is \"3\"")]
    [TestCase("""{"num_train_timesteps":0}""", "num_train_timesteps is 0")]
    [TestCase("""{"_class_name":"DDIMScheduler"}""", "_class_name is 'DDIMScheduler'")]
    public void Unsupported_or_wrong_field_is_refused(string json, string reason) =>
        Assert.That(() => Read(json), Throws.TypeOf<ModelFormatException>().With.Message.Contains($"s.json: {reason}"));

    private static SchedulerConfig Read(string json) => SchedulerConfig.Read(ConfigReader.Parse(Encoding.UTF8.GetBytes(json), "s.json"));
}
