using System.Diagnostics;
using ZImage.Backends;
using ZImage.Backends.Cuda;
using ZImage.Native;
using ZImage.Tensors;

namespace ZImage.Diagnostics;

/// <summary>What the calls of one operator with one shape took together.</summary>
/// <param name="Operator">The operator.</param>
/// <param name="Shape">What decides its cost.</param>
/// <param name="Kernels">Kernels and products that one call launches, joined by +; empty on the processor.</param>
/// <param name="Calls">Number of calls.</param>
/// <param name="Seconds">Time of all calls.</param>
/// <param name="Flop">Floating-point operations of all calls.</param>
/// <param name="Bytes">Least bytes of all calls.</param>
internal sealed record OperatorTime(string Operator, Shape Shape, string Kernels, int Calls, double Seconds, long Flop, long Bytes);

/// <summary>
/// Times every operator: on a GPU by events around it, so that the device runs on undisturbed; elsewhere by the clock. Work that is fully behind the
/// host (a device that waits for launches) counts as time of the operator that it waits for.
/// </summary>
internal sealed class OperatorProfile : IOperatorObserver, IKernelObserver, IDisposable
{
    private readonly CudaBackend? cuda;
    private readonly List<EventHandle> timers = [];
    private readonly List<(OperatorCall Call, string Kernels, double Seconds)> calls = [];
    private readonly List<string> launched = [];
    private long start;

    /// <summary>Prepares to look at <paramref name="inner"/>, the backend that computes.</summary>
    public OperatorProfile(IBackend inner)
    {
        cuda = inner as CudaBackend;
        cuda?.Observer = this;
    }

    /// <inheritdoc/>
    void IOperatorObserver.Before(in OperatorCall call)
    {
        launched.Clear();
        Mark(2 * calls.Count);
    }

    /// <inheritdoc/>
    void IOperatorObserver.After(in OperatorCall call)
    {
        Mark((2 * calls.Count) + 1);
        calls.Add((call, string.Join('+', launched), cuda is null ? Stopwatch.GetElapsedTime(start).TotalSeconds : 0));
    }

    /// <inheritdoc/>
    void IKernelObserver.Before(string name) => launched.Add(name);

    /// <inheritdoc/>
    void IKernelObserver.After(string name)
    {
    }

    /// <summary>Forgets what was seen: after a run that only warms up.</summary>
    public void Clear() => calls.Clear();

    /// <summary>Waits for the device and adds up, the longest first.</summary>
    public IReadOnlyList<OperatorTime> Collect()
    {
        cuda?.Synchronize();
        return
        [
            .. calls.Select((call, i) => (call.Call, call.Kernels, Seconds: cuda is null ? call.Seconds : timers[(2 * i) + 1].Since(timers[2 * i]).TotalSeconds))
                .GroupBy(call => (call.Call.Operator, call.Call.Shape, call.Kernels))
                .Select(group => new OperatorTime(
                    group.Key.Operator, group.Key.Shape, group.Key.Kernels, group.Count(), group.Sum(call => call.Seconds),
                    group.Sum(call => call.Call.Flop), group.Sum(call => call.Call.Bytes)))
                .OrderByDescending(time => time.Seconds),
        ];
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        cuda?.Observer = null;
        foreach (EventHandle timer in timers)
        {
            timer.Dispose();
        }

        timers.Clear();
    }

    private void Mark(int index)
    {
        if (cuda is null)
        {
            start = index % 2 == 0 ? Stopwatch.GetTimestamp() : start;
            return;
        }

        if (index == timers.Count)
        {
            timers.Add(cuda.NewTimer());
        }

        cuda.Mark(timers[index]);
    }
}
