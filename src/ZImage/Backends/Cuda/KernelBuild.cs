using System.Collections.Concurrent;
using System.Diagnostics;

namespace ZImage.Backends.Cuda;

/// <summary>Builds all families at once on background threads, so that nobody waits for one that is not needed yet.</summary>
internal sealed class KernelBuild : IDisposable
{
    /// <summary>Builds one family, by the cache or by the compiler.</summary>
    /// <param name="source">Source and headers.</param>
    /// <param name="fromCache">Whether the cache had it.</param>
    public delegate KernelImage Builder(KernelSource source, out bool fromCache);

    // Each compilation holds a few hundred megabytes.
    private const int MaxThreads = 8;

    private readonly Builder builder;
    private readonly string architecture;
    private readonly ConcurrentQueue<KernelSource> queue;
    private readonly Dictionary<string, TaskCompletionSource<KernelImage>> results = new(StringComparer.Ordinal);
    private readonly ConcurrentQueue<KernelLogEntry> log = new();
    private readonly Thread[] threads;
    private volatile bool stopped;

    /// <summary>Starts.</summary>
    /// <param name="sources">The families.</param>
    /// <param name="architecture">What they are built for, for the log.</param>
    /// <param name="builder">Builds one; is called by several threads.</param>
    public KernelBuild(IEnumerable<KernelSource> sources, string architecture, Builder builder)
    {
        this.builder = builder;
        this.architecture = architecture;

        // The longest first: it decides when all are done.
        queue = new(sources.OrderByDescending(source => source.Text.Length + source.Headers.Sum(header => header.Value.Length)));
        foreach (KernelSource source in queue)
        {
            results.Add(source.Family, new(TaskCreationOptions.RunContinuationsAsynchronously));
        }

        threads = new Thread[Math.Min(Math.Min(MaxThreads, Environment.ProcessorCount), queue.Count)];
        for (int i = 0; i < threads.Length; i++)
        {
            threads[i] = new Thread(Run) { IsBackground = true, Name = "zimage kernels" };
            threads[i].Start();
        }
    }

    /// <summary>Called with each entry as it comes, where ZIMAGE_JIT_LOG=1; from several threads.</summary>
    public static Action<KernelLogEntry>? Listener { get; set; }

    /// <summary>The families that are done, in the order in which they were.</summary>
    public IReadOnlyCollection<KernelLogEntry> Log => log;

    /// <summary>Names of all families.</summary>
    public IReadOnlyCollection<string> Families => results.Keys;

    /// <summary>Waits for a family.</summary>
    /// <exception cref="ArgumentException">There is no such family.</exception>
    /// <exception cref="KernelCompilationException">It does not compile.</exception>
    public KernelImage Wait(string family) => results.TryGetValue(family, out TaskCompletionSource<KernelImage>? result)
        ? result.Task.GetAwaiter().GetResult()
        : throw new ArgumentException($"There is no kernel family {family} for {architecture}; there are {string.Join(", ", results.Keys.Order(StringComparer.Ordinal))}.", nameof(family));

    /// <summary>Ends after what is being built now: a compiler that runs while the process ends can crash it.</summary>
    public void Dispose()
    {
        stopped = true;
        foreach (Thread thread in threads)
        {
            thread.Join();
        }
    }

    private void Run()
    {
        while (!stopped && queue.TryDequeue(out KernelSource? source))
        {
            long start = Stopwatch.GetTimestamp();
            try
            {
                KernelImage image = builder(source, out bool fromCache);
                KernelLogEntry entry = new(source.Family, architecture, fromCache, Stopwatch.GetElapsedTime(start), image.Log);
                log.Enqueue(entry);
                if (Listener is { } listener && Environment.GetEnvironmentVariable("ZIMAGE_JIT_LOG") == "1")
                {
                    listener(entry);
                }

                results[source.Family].SetResult(image);
            }
#pragma warning disable CA1031 // The failure belongs to whoever asks for the family.
            catch (Exception exception)
#pragma warning restore CA1031
            {
                results[source.Family].SetException(exception);
            }
        }

        // Nobody may wait for what will not come.
        while (stopped && queue.TryDequeue(out KernelSource? source))
        {
            results[source.Family].SetException(new ObjectDisposedException(nameof(KernelBuild)));
        }
    }
}
