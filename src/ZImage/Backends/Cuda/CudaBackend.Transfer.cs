using System.Runtime.CompilerServices;
using ZImage.Backends.Cpu;
using ZImage.Native;
using ZImage.Tensors;

namespace ZImage.Backends.Cuda;

public sealed unsafe partial class CudaBackend
{
    /// <inheritdoc/>
    public void Upload(ReadOnlySpan<float> source, Tensor destination)
    {
        CheckDeviceTensor(destination);
        if (!destination.IsDense || destination.Count != source.Length)
        {
            throw new ArgumentException($"{source.Length} floats do not fill {destination}{(destination.IsDense ? "" : " (strided)")}.", nameof(destination));
        }

        RequireNotRecording(nameof(Upload));
        Prepare();
        int size = destination.DType.SizeBytes();
        nint target = destination.Address;
        fixed (float* floats = source)
        {
            for (int done = 0; done < source.Length;)
            {
                int count = Math.Min(source.Length - done, StagingBuffer.Size / size);
                SendConverted(floats + done, count, destination.DType, target);
                done += count;
                target += (nint)count * size;
            }
        }
    }

    /// <inheritdoc/>
    public void Download(Tensor source, Span<float> destination)
    {
        CheckDeviceTensor(source);
        if (source.Count != destination.Length)
        {
            throw new ArgumentException($"{source} does not fill {destination.Length} floats.", nameof(destination));
        }

        RequireNotRecording(nameof(Download));
        Prepare();
        int size = source.DType.SizeBytes();

        // Dense elements are one long row; rows with gaps come with their gaps, which is one copy where skipping them would be thousands.
        long rows = source.IsDense ? 1 : source.RowCount;
        long length = source.IsDense ? source.Count : source.RowLength;
        long stride = source.IsDense ? length : source.RowStride;
        fixed (float* floats = destination)
        {
            for (long row = 0; row < rows;)
            {
                long rowsAtOnce = Math.Clamp(StagingBuffer.Size / (stride * size), 1, rows - row);
                for (long start = 0; start < length;)
                {
                    int span = (int)Math.Min(rowsAtOnce > 1 ? ((rowsAtOnce - 1) * stride) + length : length - start, StagingBuffer.Size / size);
                    byte* bytes = Receive(source.Address + (nint)(((row * stride) + start) * size), span * size);
                    int taken = (int)Math.Min(span, length - start);
                    for (long r = 0; r < rowsAtOnce; r++)
                    {
                        RowConversion.Copy(bytes + (r * stride * size), source.DType, floats + ((row + r) * length) + start, DType.F32, taken);
                    }

                    start += taken;
                }

                row += rowsAtOnce;
            }
        }
    }

    /// <inheritdoc/>
    public bool IsFinite(Tensor x)
    {
        CheckDeviceTensor(x);
        RequireNotRecording(nameof(IsFinite));
        Prepare();
        nint counter = Scratch(sizeof(uint));
        CudaErrors.Check(CudaDriver.cuMemsetD32Async((nuint)counter, 0, 1, device.StreamValue), device.Title);
        NonFiniteCount(x, counter);
        uint count = 0;
        CopyToHost(counter, new Span<byte>(&count, sizeof(uint)));
        return count == 0;
    }

    /// <summary>Copies bytes to the device behind the work so far; the source may be changed when the call returns. Not while recording.</summary>
    /// <param name="source">Any bytes.</param>
    /// <param name="destination">Device address.</param>
    internal void CopyToDevice(ReadOnlySpan<byte> source, nint destination)
    {
        RequireNotRecording(nameof(CopyToDevice));
        Prepare();
        for (int done = 0; done < source.Length;)
        {
            int count = Math.Min(source.Length - done, StagingBuffer.Size);
            try
            {
                byte* room = staging.Reserve(count);
                source.Slice(done, count).CopyTo(new Span<byte>(room, count));
                staging.Send(room, count, destination + done);
            }
            catch (CudaException exception)
            {
                throw CudaErrors.Translate(exception, device.Title, "copying to the device");
            }

            done += count;
        }
    }

    /// <summary>Waits for the work so far and copies bytes from the device. Not while recording.</summary>
    /// <param name="source">Device address.</param>
    /// <param name="destination">Gets the bytes.</param>
    internal void CopyToHost(nint source, Span<byte> destination)
    {
        RequireNotRecording(nameof(CopyToHost));
        Prepare();
        for (int done = 0; done < destination.Length;)
        {
            int count = Math.Min(destination.Length - done, StagingBuffer.Size);
            new ReadOnlySpan<byte>(Receive(source + done, count), count).CopyTo(destination[done..]);
            done += count;
        }
    }

    private void SendConverted(float* source, int count, DType type, nint destination)
    {
        int bytes = count * type.SizeBytes();
        try
        {
            byte* room = staging.Reserve(bytes);
            RowConversion.Copy(source, DType.F32, room, type, count);
            staging.Send(room, bytes, destination);
        }
        catch (CudaException exception)
        {
            throw CudaErrors.Translate(exception, device.Title, "copying to the device");
        }
    }

    private byte* Receive(nint source, int bytes)
    {
        try
        {
            return staging.Receive(source, bytes);
        }
        catch (CudaException exception)
        {
            throw CudaErrors.Translate(exception, device.Title, "copying from the device");
        }
    }

    private static void CheckDeviceTensor(Tensor tensor, [CallerMemberName] string caller = "")
    {
        if (tensor.IsEmpty || tensor.Storage.IsHost || !tensor.DType.IsWeightType())
        {
            throw new ArgumentException($"{caller} takes a device tensor in F32, F16 or BF16, not {(tensor.IsEmpty ? "an empty one" : tensor)}.", nameof(tensor));
        }
    }
}
