using System.Collections.Concurrent;

namespace ZImage.Generation;

/// <summary>The one thread that an engine computes on: requests queue for it, and a device context stays bound to it.</summary>
internal sealed class EngineThread : IDisposable
{
    private readonly BlockingCollection<Action> queue = [];
    private readonly Thread thread;

    public EngineThread()
    {
        thread = new Thread(Run) { IsBackground = true, Name = "zimage engine" };
        thread.Start();
    }

    /// <summary>Queues <paramref name="work"/>; the task ends as the work ends, cancelled where it threw for <paramref name="cancellation"/>.</summary>
    public Task<T> RunAsync<T>(Func<T> work, CancellationToken cancellation)
    {
        TaskCompletionSource<T> completion = new(TaskCreationOptions.RunContinuationsAsynchronously);
        queue.Add(
            () =>
            {
                try
                {
                    cancellation.ThrowIfCancellationRequested();
                    completion.SetResult(work());
                }
                catch (OperationCanceledException exception)
                {
                    completion.SetCanceled(exception.CancellationToken);
                }
#pragma warning disable CA1031 // Whatever the work threw belongs to its caller, not to this thread.
                catch (Exception exception)
#pragma warning restore CA1031
                {
                    completion.SetException(exception);
                }
            },
            CancellationToken.None);
        return completion.Task;
    }

    /// <summary>Finishes what is queued, then ends the thread.</summary>
    public void Dispose()
    {
        queue.CompleteAdding();
        thread.Join();
        queue.Dispose();
    }

    private void Run()
    {
        foreach (Action work in queue.GetConsumingEnumerable())
        {
            work();
        }
    }
}
