using System.Text;
using System.Text.Json;
using NUnit.Framework;
using ZImage.Sampling;
using ZImage.Weights;

namespace ZImage.Tests.Golden;

/// <summary>golden/scheduler/tables.json: the noise levels that diffusers' scheduler gives for many configurations.</summary>
internal sealed class SchedulerGoldenTests
{
    // A level is at most 1 and comes from at most eight float32 operations (spacing, shift, stretch), each off by at most half a unit of 2^-23.
    private const double SigmaBound = 8 / 16777216.0;

    [Test]
    public void Sigmas_and_timesteps_are_those_of_diffusers()
    {
        using JsonDocument tables = GoldenFile.OpenJson("scheduler", "tables.json");
        double largest = 0;
        int different = 0;
        int values = 0;
        foreach (JsonElement entry in tables.RootElement.GetProperty("cases").EnumerateArray())
        {
            if (entry.GetProperty("config").GetProperty("invert_sigmas").GetBoolean())
            {
                // Only other models ask for it; the engine must say so and not draw with another schedule.
                Assert.That(() => Create(entry), Throws.TypeOf<ModelFormatException>());
                continue;
            }

            NoiseSchedule schedule = Create(entry);
            float[] sigmas = Floats(entry.GetProperty("sigmas"));
            float[] timesteps = Floats(entry.GetProperty("timesteps"));
            double scale = entry.GetProperty("config").GetProperty("num_train_timesteps").GetDouble();
            string what = $"{entry.GetProperty("config")} steps {entry.GetProperty("steps")} tokens {entry.GetProperty("image_tokens")}";
            Assert.That(schedule.Sigmas, Has.Count.EqualTo(sigmas.Length), what);
            Assert.That(schedule.Steps, Is.EqualTo(timesteps.Length), what);
            for (int i = 0; i < sigmas.Length; i++)
            {
                double difference = Math.Abs((double)schedule.Sigmas[i] - sigmas[i]);
                Assert.That(double.IsFinite(difference) && difference <= SigmaBound, Is.True, $"{what}: sigma {i} is {schedule.Sigmas[i]:R}, not {sigmas[i]:R}");
                largest = Math.Max(largest, difference);
                different += schedule.Sigmas[i].Equals(sigmas[i]) ? 0 : 1;
                values++;
            }

            for (int i = 0; i < timesteps.Length; i++)
            {
                Assert.That(Math.Abs((double)schedule.Timestep(i) - timesteps[i]) / scale, Is.LessThanOrEqualTo(SigmaBound), $"{what}: timestep {i}");
            }
        }

        TestContext.Out.WriteLine($"{different} of {values} sigmas differ in bits");
        Tolerance.Bound("sigmas", "largest error", largest, SigmaBound);
    }

    [Test]
    public void Image_to_image_starts_where_diffusers_starts()
    {
        using JsonDocument tables = GoldenFile.OpenJson("scheduler", "tables.json");
        foreach (JsonElement entry in tables.RootElement.GetProperty("image_to_image").EnumerateArray())
        {
            int steps = entry.GetProperty("steps").GetInt32();
            double strength = entry.GetProperty("strength").GetDouble();
            int skipped = entry.GetProperty("skipped").GetInt32();
            NoiseSchedule all = Scheduler("{\"_class_name\":\"FlowMatchEulerDiscreteScheduler\",\"shift\":3.0}").Create(steps, 256);
            if (skipped == steps)
            {
                Assert.That(() => all.Last(strength), Throws.TypeOf<InvalidRequestException>(), $"{steps} steps, strength {strength}");
            }
            else
            {
                Assert.That(all.Last(strength).Sigmas, Is.EqualTo(all.Sigmas.Skip(skipped)), $"{steps} steps, strength {strength}");
            }
        }
    }

    private static NoiseSchedule Create(JsonElement entry)
    {
        JsonElement custom = entry.GetProperty("custom_sigmas");
        return Scheduler(entry.GetProperty("config").GetRawText()).Create(
            entry.GetProperty("steps").GetInt32(),
            entry.GetProperty("image_tokens").GetInt32(),
            custom.ValueKind == JsonValueKind.Null ? null : Floats(custom));
    }

    private static FlowMatchEulerScheduler Scheduler(string config) =>
        new(SchedulerConfig.Read(ConfigReader.Parse(Encoding.UTF8.GetBytes(config), "scheduler_config.json")));

    private static float[] Floats(JsonElement values) => [.. values.EnumerateArray().Select(value => (float)value.GetDouble())];
}
