using System.Runtime.InteropServices;

namespace ZImage.Native;

/// <summary>Streams, events, capture and graphs.</summary>
internal static unsafe partial class CudaDriver
{
    /// <summary>A new stream.</summary>
    [LibraryImport(Library)]
    public static partial CudaResult cuStreamCreate(out nint stream, CUstream_flags flags);

    /// <summary>A new stream with a priority; lower goes first.</summary>
    [LibraryImport(Library)]
    public static partial CudaResult cuStreamCreateWithPriority(out nint stream, CUstream_flags flags, int priority);

    /// <summary>Destroys a stream; its work still runs to the end.</summary>
    [LibraryImport(Library)]
    public static partial CudaResult cuStreamDestroy_v2(nint stream);

    /// <summary>Waits until a stream is done.</summary>
    [LibraryImport(Library)]
    public static partial CudaResult cuStreamSynchronize(nint stream);

    /// <summary>Makes a stream wait for an event; flags are 0.</summary>
    [LibraryImport(Library)]
    public static partial CudaResult cuStreamWaitEvent(nint stream, nint @event, uint flags);

    /// <summary>Success when a stream is done, CUDA_ERROR_NOT_READY when it is not.</summary>
    [LibraryImport(Library)]
    public static partial CudaResult cuStreamQuery(nint stream);

    /// <summary>Whether a stream is being captured.</summary>
    [LibraryImport(Library)]
    public static partial CudaResult cuStreamIsCapturing(nint stream, out CUstreamCaptureStatus status);

    /// <summary>Starts to record a stream's work into a graph in place of running it.</summary>
    [LibraryImport(Library)]
    public static partial CudaResult cuStreamBeginCapture_v2(nint stream, CUstreamCaptureMode mode);

    /// <summary>Ends the recording and gives the graph; also ends one that failed.</summary>
    [LibraryImport(Library)]
    public static partial CudaResult cuStreamEndCapture(nint stream, out nint graph);

    /// <summary>A new event.</summary>
    [LibraryImport(Library)]
    public static partial CudaResult cuEventCreate(out nint @event, CUevent_flags flags);

    /// <summary>Destroys an event.</summary>
    [LibraryImport(Library)]
    public static partial CudaResult cuEventDestroy_v2(nint @event);

    /// <summary>Records an event behind a stream's work so far.</summary>
    [LibraryImport(Library)]
    public static partial CudaResult cuEventRecord(nint @event, nint stream);

    /// <summary>Waits until an event has happened.</summary>
    [LibraryImport(Library)]
    public static partial CudaResult cuEventSynchronize(nint @event);

    /// <summary>Success when an event has happened, CUDA_ERROR_NOT_READY when it has not.</summary>
    [LibraryImport(Library)]
    public static partial CudaResult cuEventQuery(nint @event);

    /// <summary>Milliseconds between two events that have happened. Every driver has it.</summary>
    [LibraryImport(Library)]
    public static partial CudaResult cuEventElapsedTime(out float milliseconds, nint start, nint end);

    /// <summary>The same with errors of the work before the events reported too; drivers for CUDA 12.8 and newer.</summary>
    [LibraryImport(Library)]
    public static partial CudaResult cuEventElapsedTime_v2(out float milliseconds, nint start, nint end);

    /// <summary>Makes a graph executable; flags are 0.</summary>
    [LibraryImport(Library)]
    public static partial CudaResult cuGraphInstantiateWithFlags(out nint graphExec, nint graph, ulong flags);

    /// <summary>Runs an executable graph on a stream.</summary>
    [LibraryImport(Library)]
    public static partial CudaResult cuGraphLaunch(nint graphExec, nint stream);

    /// <summary>Sends an executable graph to the device ahead of its first launch.</summary>
    [LibraryImport(Library)]
    public static partial CudaResult cuGraphUpload(nint graphExec, nint stream);

    /// <summary>Destroys an executable graph.</summary>
    [LibraryImport(Library)]
    public static partial CudaResult cuGraphExecDestroy(nint graphExec);

    /// <summary>Destroys a graph; what was instantiated from it stays.</summary>
    [LibraryImport(Library)]
    public static partial CudaResult cuGraphDestroy(nint graph);

    /// <summary>The nodes of a graph; with null for nodes, only their number.</summary>
    [LibraryImport(Library)]
    public static partial CudaResult cuGraphGetNodes(nint graph, nint* nodes, ref nuint numNodes);
}
