using ZImage.Native;

namespace ZImage.Backends.Cuda;

/// <summary>Finds the fastest algorithm for a shape by trying the library's proposals on the real operands.</summary>
/// <param name="device">The device.</param>
/// <param name="handle">The library's handle.</param>
internal sealed class GemmTuner(CudaDevice device, nint handle) : IDisposable
{
    private const int Proposals = 24;
    private const int Rounds = 4;

    // What is this much slower than the best in its first run does not get another.
    private const double Hopeless = 1.25;

    // The first proposal stays unless another gains more than the noise of the measurement.
    private const double Noise = 1.01;

    private readonly EventHandle start = EventHandle.Create(device.Context);
    private readonly EventHandle end = EventHandle.Create(device.Context);

    /// <summary>The fastest algorithm. Waits for the device; y has the product's value afterwards.</summary>
    /// <param name="plan">The shape.</param>
    /// <param name="operands">Where to try it; y is overwritten.</param>
    /// <param name="workspace">Bytes of workspace.</param>
    /// <returns>The choice; null where the library has none for the shape.</returns>
    public GemmChoice? Tune(GemmPlan plan, in GemmOperands operands, long workspace)
    {
        List<GemmChoice> choices = plan.Propose(handle, workspace, Proposals);
        if (choices.Count == 0)
        {
            return null;
        }

        double[] times = new double[choices.Count];
        double best = double.MaxValue;
        for (int i = 0; i < times.Length; i++)
        {
            // The first run of a kernel loads it.
            times[i] = double.MaxValue;
            if (plan.Run(handle, operands, choices[i]) == cublasStatus_t.CUBLAS_STATUS_SUCCESS)
            {
                times[i] = Measure(plan, operands, choices[i], 1);
                best = Math.Min(best, times[i]);
            }
        }

        // In rounds over all that are left: the clock drifts, and every one shall see the same.
        double limit = best * Hopeless;
        for (int round = 0; round < Rounds; round++)
        {
            for (int i = 0; i < times.Length; i++)
            {
                if (times[i] <= limit)
                {
                    double time = Measure(plan, operands, choices[i], 2);
                    times[i] = round == 0 ? time : Math.Min(times[i], time);
                }
            }
        }

        int fastest = Array.IndexOf(times, times.Min());
        fastest = times[0] <= times[fastest] * Noise ? 0 : fastest;
        return times[fastest] < double.MaxValue ? choices[fastest] with { Microseconds = times[fastest] } : null;
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        start.Dispose();
        end.Dispose();
    }

    private double Measure(GemmPlan plan, in GemmOperands operands, in GemmChoice choice, int repeats)
    {
        CudaException.ThrowIfFailed(CudaDriver.cuEventRecord(start.Value, device.StreamValue));
        for (int i = 0; i < repeats; i++)
        {
            if (plan.Run(handle, operands, choice) != cublasStatus_t.CUBLAS_STATUS_SUCCESS)
            {
                return double.MaxValue;
            }
        }

        CudaException.ThrowIfFailed(CudaDriver.cuEventRecord(end.Value, device.StreamValue));
        CudaException.ThrowIfFailed(CudaDriver.cuEventSynchronize(end.Value));
        return end.Since(start).TotalMicroseconds / repeats;
    }
}
