using NUnit.Framework;
using NUnit.Framework.Internal;

namespace ZImage.Tests.Golden;

/// <summary>The rules themselves: a golden test is worth as much as its bound refuses.</summary>
internal sealed class ToleranceTests
{
    private static readonly float[] Reference = [1, -2, 0.5f, 3];

    [Test]
    public void Float32_takes_rounding_and_refuses_a_relative_error_of_1e_4()
    {
        Assert.That(Refuses(() => Tolerance.Float32("rounding", Scaled(1 + 1e-6f), Reference)), Is.False);
        Assert.That(Refuses(() => Tolerance.Float32("error", Scaled(1 + 1e-4f), Reference)), Is.True);
    }

    [Test]
    public void BFloat16_takes_an_error_as_large_as_PyTorchs_and_refuses_four_times_that()
    {
        float[] torch = Scaled(1.01f);
        Assert.That(Refuses(() => Tolerance.BFloat16("same", Scaled(0.99f), Reference, torch)), Is.False);
        Assert.That(Refuses(() => Tolerance.BFloat16("larger", Scaled(1.04f), Reference, torch)), Is.True);
    }

    [TestCase(float.NaN)]
    [TestCase(float.PositiveInfinity)]
    public void No_rule_takes_a_value_that_is_not_finite(float value)
    {
        float[] actual = [1, -2, value, 3];
        Assert.That(Refuses(() => Tolerance.Float32("float32", actual, Reference)), Is.True);
        Assert.That(Refuses(() => Tolerance.BFloat16("bfloat16", actual, Reference, Scaled(1.01f))), Is.True);
        Assert.That(Refuses(() => Tolerance.Exact<float>("exact", actual, Reference)), Is.True);
    }

    [Test]
    public void No_rule_takes_a_result_of_another_length()
    {
        float[] actual = Reference[..3];
        Assert.That(Refuses(() => Tolerance.Float32("float32", actual, Reference)), Is.True);
        Assert.That(Refuses(() => Tolerance.Exact<float>("exact", actual, Reference)), Is.True);
    }

    [Test]
    public void Exact_refuses_the_smallest_difference()
    {
        float[] actual = [1, -2, MathF.BitIncrement(0.5f), 3];
        Assert.That(Refuses(() => Tolerance.Exact<float>("exact", actual, Reference)), Is.True);
        Assert.That(Refuses(() => Tolerance.Exact<float>("exact", Scaled(1), Reference)), Is.False);
    }

    private static float[] Scaled(float factor) => [.. Reference.Select(value => value * factor)];

    /// <summary>Whether a rule fails; its failure does not become this test's.</summary>
    private static bool Refuses(Action rule)
    {
        using (new TestExecutionContext.IsolatedContext())
        {
            try
            {
                rule();
                return false;
            }
            catch (AssertionException)
            {
                return true;
            }
        }
    }
}
