using System.Runtime.CompilerServices;

namespace ZImage.Backends.Cpu;

/// <summary>The body of a parallel loop: a struct of pointers and sizes on the caller's stack.</summary>
internal interface IParallelBody
{
    /// <summary>Runs iteration <paramref name="index"/>; several threads call it at once, each with its own index. Must not throw.</summary>
    void Invoke(int index);
}

/// <summary>
/// A fixed set of threads that share the iterations of one loop at a time, without allocating: the loop is a pointer to the caller's
/// body and a pointer to a function. Iterations are handed out one by one, so uneven ones balance. A loop started from inside a loop runs on the thread it is on.
/// </summary>
internal sealed unsafe class WorkerPool : IDisposable
{
    private const int SpinsBeforeSleep = 2000;

    [ThreadStatic]
    private static bool inLoop;

    private readonly Thread[] workers;

    // One for each worker: from a shared one, a worker that is done early could take the token meant for another that still sleeps.
    private readonly SemaphoreSlim[] wake;
    private readonly int[] asleep;
    private readonly object turn = new();
    private delegate*<void*, int, void> function;
    private void* body;
    private int count;
    private int next;
    private int running;
    private volatile int generation;
    private volatile bool stopping;

    /// <summary>Starts <paramref name="threads"/> - 1 workers; the caller of a loop is the last one.</summary>
    public WorkerPool(int threads)
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(threads, 1);
        Threads = threads;
        workers = new Thread[threads - 1];
        wake = new SemaphoreSlim[workers.Length];
        asleep = new int[workers.Length];
        for (int i = 0; i < workers.Length; i++)
        {
            int self = i;
            wake[i] = new SemaphoreSlim(0);
            workers[i] = new Thread(() => Work(self)) { IsBackground = true, Name = $"zimage worker {i + 1}" };
            workers[i].Start();
        }
    }

    /// <summary>Threads that work on a loop, the caller included.</summary>
    public int Threads { get; }

    /// <summary>Runs <paramref name="loop"/> for 0 .. <paramref name="iterations"/> - 1 and returns when all are done.</summary>
    /// <param name="iterations">Number of iterations.</param>
    /// <param name="loop">A local variable: it must not move while the loop runs, so not a field of an object.</param>
    public void For<TBody>(int iterations, ref TBody loop)
        where TBody : struct, IParallelBody
    {
        if (iterations <= 1 || workers.Length == 0 || inLoop)
        {
            for (int i = 0; i < iterations; i++)
            {
                loop.Invoke(i);
            }

            return;
        }

        lock (turn)
        {
            inLoop = true;
            function = &Invoke<TBody>;
            body = Unsafe.AsPointer(ref loop);
            count = iterations;
            Volatile.Write(ref next, 0);
            Volatile.Write(ref running, workers.Length);
            Interlocked.Increment(ref generation);
            WakeAll();

            Drain();
            SpinWait wait = default;
            while (Volatile.Read(ref running) > 0)
            {
                wait.SpinOnce(-1);
            }

            inLoop = false;
        }
    }

    /// <summary>Ends the workers.</summary>
    public void Dispose()
    {
        stopping = true;
        WakeAll();
        foreach (Thread worker in workers)
        {
            worker.Join();
        }

        foreach (SemaphoreSlim semaphore in wake)
        {
            semaphore.Dispose();
        }
    }

    private static void Invoke<TBody>(void* loop, int index)
        where TBody : struct, IParallelBody => Unsafe.AsRef<TBody>(loop).Invoke(index);

    private void Drain()
    {
        int i;
        while ((i = Interlocked.Increment(ref next) - 1) < count)
        {
            function(body, i);
        }
    }

    private void WakeAll()
    {
        for (int i = 0; i < asleep.Length; i++)
        {
            if (Interlocked.Exchange(ref asleep[i], 0) == 1)
            {
                wake[i].Release();
            }
        }
    }

    private void Work(int self)
    {
        inLoop = true;
        int seen = 0;
        while (true)
        {
            for (int spins = 0; generation == seen && !stopping; spins++)
            {
                if (spins < SpinsBeforeSleep)
                {
                    Thread.SpinWait(10);
                    continue;
                }

                // Announce the sleep before looking again: a loop started in between either is seen here or sees the announcement. Whoever takes the
                // announcement back decides whether there is a token to wait for.
                Interlocked.Exchange(ref asleep[self], 1);
                if ((generation == seen && !stopping) || Interlocked.Exchange(ref asleep[self], 0) == 0)
                {
                    wake[self].Wait();
                }
            }

            if (stopping)
            {
                return;
            }

            seen = generation;
            Drain();
            Interlocked.Decrement(ref running);
        }
    }
}
