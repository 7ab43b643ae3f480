using ZImage.Native;

namespace ZImage.Backends.Cuda;

/// <summary>
/// Work that runs as it is the first time, which loads its kernels and chooses its algorithms, is recorded as a graph the second time, and replayed
/// from then on.
/// </summary>
/// <param name="backend">The backend that the work runs on.</param>
/// <param name="work">Calls operators.</param>
internal sealed class RecordedGraph(CudaBackend backend, Action work) : IRecordedWork
{
    private GraphExecHandle? graph;
    private bool hasRun;

    /// <summary>Whether later replays launch a recording.</summary>
    public bool IsRecorded => graph is not null;

    /// <inheritdoc/>
    public void Replay()
    {
        if (!backend.UsesGraphs || backend.Observer is not null)
        {
            work();
        }
        else if (graph is not null)
        {
            backend.LaunchGraph(graph);
        }
        else if (hasRun)
        {
            graph = backend.Capture(work);
            backend.LaunchGraph(graph);
        }
        else
        {
            work();
            hasRun = true;
        }
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        if (graph is not null)
        {
            graph.Dispose();
            graph = null;
            backend.ForgetGraph();
        }
    }
}
