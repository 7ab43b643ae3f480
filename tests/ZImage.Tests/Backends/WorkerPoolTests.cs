using NUnit.Framework;
using ZImage.Backends.Cpu;

namespace ZImage.Tests.Backends;

[TestFixture]
internal sealed class WorkerPoolTests
{
    [Test]
    [CancelAfter(60_000)]
    public unsafe void Every_iteration_runs_once_even_when_workers_fall_asleep_between_loops([Values(1, 2, 5, 9)] int threads)
    {
        using WorkerPool pool = new(threads);
        int[] counts = new int[64];
        fixed (int* pointer = counts)
        {
            for (int round = 0; round < 200; round++)
            {
                if (round % 4 == 0)
                {
                    // Long enough that the workers stop spinning and wait.
                    Thread.Sleep(2);
                }

                CountingLoop loop = new() { Counts = pointer };
                pool.For(counts.Length, ref loop);
            }
        }

        Assert.That(counts, Has.All.EqualTo(200));
    }

    private unsafe struct CountingLoop : IParallelBody
    {
        public int* Counts;

        public readonly void Invoke(int index) => Interlocked.Increment(ref Counts[index]);
    }
}
