using System.Collections.Concurrent;
using System.Diagnostics;

namespace ZImage.Backends.Cuda;

/// <summary>Builds units at once on background threads, so that nobody waits for one that is not needed yet; those that hardly anybody needs, when asked for.</summary>
internal sealed class KernelBuild : IDisposable
{
    /// <summary>Builds one unit, by the cache or by the compiler.</summary>
    /// <param name="source">Source and headers.</param>
    /// <param name="fromCache">Whether the cache had it.</param>
    public delegate KernelImage Builder(KernelSource source, out bool fromCache);

    // Each compilation holds about 60 megabytes.
    private const int MaxThreads = 32;

    private readonly Builder builder;
    private readonly string architecture;
    private readonly ConcurrentQueue<KernelSource> queue;
    private readonly ConcurrentDictionary<string, KernelSource> later = new(StringComparer.Ordinal);
    private readonly Dictionary<string, TaskCompletionSource<KernelImage>> results = new(StringComparer.Ordinal);
    private readonly ConcurrentQueue<KernelLogEntry> log = new();
    private readonly Thread[] threads;
    private readonly Action? finished;
    private int running;
    private volatile bool stopped;

    /// <summary>Starts.</summary>
    /// <param name="now">Units that are built now.</param>
    /// <param name="onDemand">Units that are built when somebody waits for one.</param>
    /// <param name="architecture">What they are built for, for the log.</param>
    /// <param name="builder">Builds one; is called by several threads.</param>
    /// <param name="finished">Called by a background thread when the first ones are built.</param>
    public KernelBuild(IEnumerable<KernelSource> now, IEnumerable<KernelSource> onDemand, string architecture, Builder builder, Action? finished = null)
    {
        this.builder = builder;
        this.architecture = architecture;
        this.finished = finished;

        // The longest file first: the last to start decides when all are done.
        queue = new(now.OrderByDescending(source => source.Text.Length + source.Headers.Sum(header => header.Value.Length)));
        Units = [.. queue.Select(source => source.Name)];
        foreach (KernelSource source in queue)
        {
            results.Add(source.Name, new(TaskCreationOptions.RunContinuationsAsynchronously));
        }

        foreach (KernelSource source in onDemand)
        {
            results.Add(source.Name, new(TaskCreationOptions.RunContinuationsAsynchronously));
            later[source.Name] = source;
        }

        threads = new Thread[Math.Min(Math.Min(MaxThreads, Environment.ProcessorCount), queue.Count)];
        running = threads.Length;
        for (int i = 0; i < threads.Length; i++)
        {
            threads[i] = new Thread(Run) { IsBackground = true, Name = "zimage kernels" };
            threads[i].Start();
        }
    }

    /// <summary>Called with each entry as it comes, where ZIMAGE_JIT_LOG=1; from several threads.</summary>
    public static Action<KernelLogEntry>? Listener { get; set; }

    /// <summary>The units that are done, in the order in which they were.</summary>
    public IReadOnlyCollection<KernelLogEntry> Log => log;

    /// <summary>Names of the units that are built without being asked for.</summary>
    public IReadOnlyList<string> Units { get; }

    /// <summary>Names of all units.</summary>
    public IReadOnlyCollection<string> AllUnits => results.Keys;

    /// <summary>Waits for a unit; builds it on this thread where nobody else does.</summary>
    /// <exception cref="ArgumentException">There is no such unit.</exception>
    /// <exception cref="KernelCompilationException">It does not compile.</exception>
    public KernelImage Wait(string unit)
    {
        if (!results.TryGetValue(unit, out TaskCompletionSource<KernelImage>? result))
        {
            throw new ArgumentException($"There is no kernel unit {unit} for {architecture}; there are {string.Join(", ", results.Keys.Order(StringComparer.Ordinal))}.", nameof(unit));
        }

        if (later.TryRemove(unit, out KernelSource? source))
        {
            Build(source);
        }

        return result.Task.GetAwaiter().GetResult();
    }

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
            Build(source);
        }

        // Nobody may wait for what will not come.
        while (stopped && queue.TryDequeue(out KernelSource? source))
        {
            results[source.Name].SetException(new ObjectDisposedException(nameof(KernelBuild)));
        }

        if (Interlocked.Decrement(ref running) == 0 && !stopped)
        {
            finished?.Invoke();
        }
    }

    private void Build(KernelSource source)
    {
        long start = Stopwatch.GetTimestamp();
        try
        {
            KernelImage image = builder(source, out bool fromCache);
            KernelLogEntry entry = new(source.Name, source.Family, architecture, fromCache, Stopwatch.GetElapsedTime(start), image.Log);
            log.Enqueue(entry);
            if (Listener is { } listener && Environment.GetEnvironmentVariable("ZIMAGE_JIT_LOG") == "1")
            {
                listener(entry);
            }

            results[source.Name].SetResult(image);
        }
#pragma warning disable CA1031 // The failure belongs to whoever asks for the unit.
        catch (Exception exception)
#pragma warning restore CA1031
        {
            results[source.Name].SetException(exception);
        }
    }
}
