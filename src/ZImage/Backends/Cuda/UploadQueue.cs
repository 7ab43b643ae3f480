using ZImage.Native;
using ZImage.Tensors;

namespace ZImage.Backends.Cuda;

/// <summary>
/// The way of weights to the device: reader threads fill page-locked buffers, two each, and the copy engine empties one while the other is being filled.
/// Copies run on streams of their own; <see cref="Flush"/> waits for all of them.
/// </summary>
internal sealed class UploadQueue : IDisposable
{
    private const int BufferBytes = 8 << 20;
    private const int MaxReaders = 8;

    private readonly CudaDevice device;
    private readonly Queue<UploadPiece> pieces = new();
    private readonly Thread[] readers;
    private int outstanding;
    private bool closed;
    private Exception? failure;

    /// <summary>Starts the readers.</summary>
    public UploadQueue(CudaDevice device)
    {
        this.device = device;
        readers = new Thread[Math.Clamp(Environment.ProcessorCount, 2, MaxReaders)];
        for (int i = 0; i < readers.Length; i++)
        {
            readers[i] = new Thread(Run) { IsBackground = true, Name = "zimage upload" };
            readers[i].Start();
        }
    }

    /// <summary>Whether everything has arrived. Costs one read.</summary>
    public bool IsIdle => Volatile.Read(ref outstanding) == 0;

    /// <summary>Queues a weight.</summary>
    /// <param name="source">Host tensor, dense; must stay as it is until <see cref="Flush"/>.</param>
    /// <param name="type">Type on the device.</param>
    /// <param name="destination">Device address.</param>
    /// <param name="inputs">Of a convolution: input channels; else 0.</param>
    /// <param name="taps">Of a convolution: kernel size squared.</param>
    public void Add(Tensor source, DType type, nint destination, int inputs = 0, int taps = 0)
    {
        int unit = Math.Max(1, inputs * taps);
        int size = type.SizeBytes();
        int step = Math.Max(BufferBytes / size / unit, 1) * unit;
        if ((long)step * size > BufferBytes)
        {
            throw new ArgumentException($"One output channel of {source} is larger than {BufferBytes} bytes.", nameof(source));
        }

        lock (pieces)
        {
            for (long start = 0; start < source.Count; start += step)
            {
                int count = (int)Math.Min(step, source.Count - start);
                pieces.Enqueue(new UploadPiece(source, start, count, type, (nuint)destination + ((nuint)start * (nuint)size), inputs, taps));
                outstanding++;
            }

            Monitor.PulseAll(pieces);
        }
    }

    /// <summary>Waits until everything queued is on the device.</summary>
    /// <exception cref="ZImageException">A copy failed; what was queued with it is not complete.</exception>
    public void Flush()
    {
        lock (pieces)
        {
            while (outstanding > 0)
            {
                Monitor.Wait(pieces);
            }

            if (failure is { } exception)
            {
                failure = null;
                throw CudaErrors.IsNative(exception)
                    ? CudaErrors.Translate(exception, device.Title, "copying weights")
                    : exception as ZImageException ?? new DeviceException($"{device.Title}, copying weights: {exception.Message}", "`zimage doctor` checks the driver and the libraries.", exception);
            }
        }
    }

    /// <summary>Ends the readers; what is still queued is dropped.</summary>
    public void Dispose()
    {
        lock (pieces)
        {
            closed = true;
            outstanding -= pieces.Count;
            pieces.Clear();
            Monitor.PulseAll(pieces);
        }

        foreach (Thread reader in readers)
        {
            reader.Join();
        }
    }

    private void Run()
    {
        Lane? lane = null;
        int issued = 0;
        try
        {
            while (Next(lane, ref issued) is { } piece)
            {
                try
                {
                    issued++;
                    lane ??= new Lane(device);
                    lane.Send(piece);
                }
#pragma warning disable CA1031 // The failure belongs to whoever waits in Flush.
                catch (Exception exception)
#pragma warning restore CA1031
                {
                    Fail(exception);
                }
            }
        }
        finally
        {
            lane?.Dispose();
        }
    }

    /// <summary>The next piece; while there is none, waits for this thread's copies and takes them off the count. Null at the end.</summary>
    private UploadPiece? Next(Lane? lane, ref int issued)
    {
        while (true)
        {
            lock (pieces)
            {
                while (issued == 0 && pieces.Count == 0 && !closed)
                {
                    Monitor.Wait(pieces);
                }

                if (pieces.TryDequeue(out UploadPiece piece))
                {
                    return piece;
                }

                if (issued == 0)
                {
                    return null;
                }
            }

            try
            {
                lane?.Wait();
            }
            catch (CudaException exception)
            {
                Fail(exception);
            }

            lock (pieces)
            {
                outstanding -= issued;
                issued = 0;
                Monitor.PulseAll(pieces);
            }
        }
    }

    private void Fail(Exception exception)
    {
        lock (pieces)
        {
            failure ??= exception;
        }
    }

    /// <summary>One thread's buffers and stream.</summary>
    private sealed unsafe class Lane : IDisposable
    {
        private readonly PinnedMemoryHandle memory;
        private readonly StreamHandle stream;
        private readonly EventHandle[] emptied;
        private byte[] buffer = [];
        private int turn;

        public Lane(CudaDevice device)
        {
            device.Bind();
            memory = PinnedMemoryHandle.Allocate(device.Context, 2 * BufferBytes);
            stream = StreamHandle.Create(device.Context);
            emptied =
            [
                EventHandle.Create(device.Context, CUevent_flags.CU_EVENT_DISABLE_TIMING),
                EventHandle.Create(device.Context, CUevent_flags.CU_EVENT_DISABLE_TIMING),
            ];
        }

        public void Send(in UploadPiece piece)
        {
            turn ^= 1;
            byte* bytes = memory.Pointer + (turn * BufferBytes);
            nint @event = emptied[turn].Value;
            CudaException.ThrowIfFailed(CudaDriver.cuEventSynchronize(@event));
            piece.Fill(bytes, ref buffer);
            CudaException.ThrowIfFailed(CudaDriver.cuMemcpyHtoDAsync_v2(piece.Destination, bytes, (nuint)piece.Bytes, stream.Value));
            CudaException.ThrowIfFailed(CudaDriver.cuEventRecord(@event, stream.Value));
        }

        public void Wait() => stream.Synchronize();

        public void Dispose()
        {
            foreach (EventHandle @event in emptied)
            {
                @event.Dispose();
            }

            stream.Dispose();
            memory.Dispose();
        }
    }
}
