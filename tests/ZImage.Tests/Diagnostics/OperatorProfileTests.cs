using NUnit.Framework;
using ZImage.Backends;
using ZImage.Backends.Cpu;
using ZImage.Diagnostics;
using ZImage.Tensors;

namespace ZImage.Tests.Diagnostics;

public sealed class OperatorProfileTests
{
    [Test]
    public void Calls_of_one_shape_are_added_up_with_their_cost()
    {
        using CpuBackend cpu = new(1);
        using OperatorProfile profile = new(cpu);
        using ObservedBackend observed = new(cpu, profile);
        using OperatorScene scene = new(observed, new Random(1));
        LinearWeight weight = scene.Linear(16, false, 8, 24);
        Tensor x = scene.Activations(5, 16);
        Tensor y = scene.Result(5, 32);
        for (int i = 0; i < 3; i++)
        {
            observed.Linear(x, weight, y);
        }

        observed.Silu(y, y);

        OperatorTime linear = profile.Collect().Single(time => time.Operator == "Linear");
        using (Assert.EnterMultipleScope())
        {
            Assert.That(profile.Collect().Select(time => time.Operator), Is.EquivalentTo(new[] { "Linear", "Silu" }));
            Assert.That((linear.Calls, linear.Shape), Is.EqualTo((3, new Shape(5, 32, 16))));

            // 5 rows times 32 outputs times 16 inputs, two operations each; F32 in and out, a bfloat16 weight.
            Assert.That(linear.Flop, Is.EqualTo(3 * 5 * 32 * 16 * 2));
            Assert.That(linear.Bytes, Is.EqualTo(3 * ((5 * 16 * 4) + (5 * 32 * 4) + (32 * 16 * 2))));
            Assert.That(linear.Seconds, Is.GreaterThan(0));
        }
    }

    [Test]
    public void Causal_attention_costs_the_pairs_that_it_sees()
    {
        using CpuBackend cpu = new(1);
        using OperatorProfile profile = new(cpu);
        using ObservedBackend observed = new(cpu, profile);
        using OperatorScene scene = new(observed, new Random(1));
        Tensor q = scene.Activations(3, 64);
        observed.Attention(q, scene.Activations(3, 32), scene.Activations(3, 32), scene.Result(3, 64), new AttentionHeads(2, 1, 32, Causal: true), [new AttentionSpan(0, 3)]);

        // Rows see 1 + 2 + 3 keys; two heads of 32, two products, two operations.
        Assert.That(profile.Collect().Single().Flop, Is.EqualTo(6 * 2 * 32 * 2 * 2));
    }

    [Test]
    public void Recorded_work_runs_each_time()
    {
        using CpuBackend cpu = new(1);
        using OperatorProfile profile = new(cpu);
        using ObservedBackend observed = new(cpu, profile);
        using OperatorScene scene = new(observed, new Random(1));
        Tensor x = scene.Activations(2, 8);
        using IRecordedWork work = observed.Record(() => observed.Silu(x, x));
        work.Replay();
        work.Replay();

        Assert.That(profile.Collect().Single().Calls, Is.EqualTo(2));
    }
}
