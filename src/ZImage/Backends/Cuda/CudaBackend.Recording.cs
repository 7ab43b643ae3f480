using System.Text;
using ZImage.Native;

namespace ZImage.Backends.Cuda;

public sealed partial class CudaBackend
{
    private readonly EventHandle[] passed;
    private bool recording;
    private bool rehearsing;
    private int graphs;
    private int marks;

    /// <summary>Whether recorded work becomes a graph; else it runs as it is each time.</summary>
    internal bool UsesGraphs { get; set; } = Environment.GetEnvironmentVariable("ZIMAGE_GRAPHS") != "0";

    /// <summary>Whether operators are being recorded and do not run.</summary>
    internal bool IsRecording => recording;

    /// <inheritdoc/>
    public IRecordedWork Record(Action work)
    {
        ArgumentNullException.ThrowIfNull(work);
        return new RecordedGraph(this, work);
    }

    /// <inheritdoc/>
    public bool TryRehearse(Action work)
    {
        ArgumentNullException.ThrowIfNull(work);
        rehearsing = true;
        try
        {
            work();
        }
        finally
        {
            rehearsing = false;
        }

        return true;
    }

    /// <inheritdoc/>
    public int Pace()
    {
        Prepare();
        int turn = marks & 1;
        CudaErrors.Check(CudaDriver.cuEventRecord(passed[turn].Value, device.StreamValue), device.Title);

        // An event that was never recorded counts as passed.
        CudaErrors.Check(CudaDriver.cuEventSynchronize(passed[turn ^ 1].Value), device.Title);
        marks++;
        return 1;
    }

    /// <inheritdoc/>
    public unsafe void BeginRange(string name)
    {
        if (!Nvtx.IsAttached)
        {
            return;
        }

        byte[] text = new byte[Encoding.UTF8.GetByteCount(name) + 1];
        Encoding.UTF8.GetBytes(name, text);
        fixed (byte* bytes = text)
        {
            Nvtx.Push(bytes);
        }
    }

    /// <inheritdoc/>
    public void EndRange()
    {
        if (Nvtx.IsAttached)
        {
            Nvtx.Pop();
        }
    }

    /// <summary>Records work as a graph; nothing runs. If the work throws, the recording is dropped and the backend is as before.</summary>
    internal GraphExecHandle Capture(Action work)
    {
        Prepare();
        CudaErrors.Check(
            CudaDriver.cuStreamBeginCapture_v2(device.StreamValue, CUstreamCaptureMode.CU_STREAM_CAPTURE_MODE_THREAD_LOCAL), device.Title);
        recording = true;
        try
        {
            work();
        }
        catch
        {
            recording = false;
            if (CudaDriver.cuStreamEndCapture(device.StreamValue, out nint unfinished) == CudaResult.CUDA_SUCCESS && unfinished != 0)
            {
                _ = CudaDriver.cuGraphDestroy(unfinished);
            }

            throw;
        }

        recording = false;
        try
        {
            using GraphHandle graph = GraphHandle.EndCapture(device.Context, device.Stream);
            GraphExecHandle executable = GraphExecHandle.Instantiate(device.Context, graph);
            graphs++;
            return executable;
        }
        catch (CudaException exception)
        {
            throw CudaErrors.Translate(exception, device.Title, "recording");
        }
    }

    /// <summary>Queues a recording.</summary>
    internal void LaunchGraph(GraphExecHandle graph)
    {
        Prepare();
        CudaErrors.Check(CudaDriver.cuGraphLaunch(graph.Value, device.StreamValue), device.Title);
        CheckAfterLaunch("a recording");
    }

    /// <summary>Takes note that a recording is gone; with the last one goes the scratch memory that only recordings still knew.</summary>
    internal void ForgetGraph()
    {
        graphs--;
        if (graphs == 0 && !disposed)
        {
            device.Bind();
            ReleaseOutgrown();
        }
    }

    private EventHandle NewMark() => EventHandle.Create(device.Context, CUevent_flags.CU_EVENT_DISABLE_TIMING);

    private void RequireNotRecording(string operation)
    {
        if (recording)
        {
            throw new InvalidOperationException($"{operation} waits for or reads the host, so it cannot be part of recorded work.");
        }
    }
}
