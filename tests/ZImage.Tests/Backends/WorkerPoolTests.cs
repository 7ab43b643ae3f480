using NUnit.Framework;
using ZImage.Backends.Cpu;

namespace ZImage.Tests.Backends;

[TestFixture]
internal sealed class WorkerPoolTests
{
    [TestCase(2)]
    [TestCase(5)]
    [TestCase(16)]
    public void Every_iteration_runs_once_even_when_the_workers_had_gone_to_sleep(int threads)
    {
        int[] counts = new int[100];

        // On its own thread, so that a worker that never wakes fails the test instead of stopping the run.
        Task loops = Task.Run(() =>
        {
            using WorkerPool pool = new(threads);
            for (int round = 0; round < 200; round++)
            {
                Run(pool, counts);
                if (round % 10 == 0)
                {
                    Thread.Sleep(5);
                }
            }
        });
        Assert.That(loops.Wait(TimeSpan.FromMinutes(2)), Is.True, "the loops end");
        Assert.That(counts, Is.All.EqualTo(200));
    }

    private static unsafe void Run(WorkerPool pool, int[] counts)
    {
        fixed (int* pointer = counts)
        {
            Body body = new() { Counts = pointer };
            pool.For(counts.Length, ref body);
        }
    }

    private unsafe struct Body : IParallelBody
    {
        public int* Counts;

        public readonly void Invoke(int index) => Interlocked.Increment(ref Counts[index]);
    }
}
