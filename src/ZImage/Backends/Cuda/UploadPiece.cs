using System.Runtime.InteropServices;
using ZImage.Backends.Cpu;
using ZImage.Tensors;
using ZImage.Weights;

namespace ZImage.Backends.Cuda;

/// <summary>A part of a weight on its way to the device: where it is, what it becomes, where it goes.</summary>
/// <param name="Source">The host tensor, dense; held so that its memory stays.</param>
/// <param name="Start">First element.</param>
/// <param name="Count">Number of elements.</param>
/// <param name="Type">Type on the device.</param>
/// <param name="Destination">Device address of the first element.</param>
/// <param name="Inputs">Of a convolution: input channels; 0 for a weight whose elements keep their order.</param>
/// <param name="Taps">Of a convolution: kernel size squared.</param>
internal readonly record struct UploadPiece(Tensor Source, long Start, int Count, DType Type, nuint Destination, int Inputs = 0, int Taps = 0)
{
    /// <summary>Bytes on the device.</summary>
    public int Bytes => Count * Type.SizeBytes();

    /// <summary>Writes the elements as the device has them.</summary>
    /// <param name="destination">[Bytes] in page-locked memory.</param>
    /// <param name="buffer">Scratch, which grows as needed.</param>
    /// <exception cref="ModelFormatException">The file was cut short since it was opened.</exception>
    public unsafe void Fill(byte* destination, ref byte[] buffer)
    {
        long byteStart = Start * Source.DType.SizeBytes();
        byte* source = (byte*)Source.Address + byteStart;
        if (Inputs > 0)
        {
            FillConvolution(source, destination, ref buffer);
        }
        else if (Source.DType != Type)
        {
            RowConversion.Copy(source, Source.DType, destination, Type, Count);
        }
        else if (Source.Storage is MappedStorage file)
        {
            Read(file, (long)source - file.Address, new Span<byte>(destination, Bytes));
        }
        else
        {
            NativeMemory.Copy(source, destination, (nuint)Bytes);
        }

        GC.KeepAlive(Source.Storage);
    }

    // Reading the file is faster than touching the mapping's pages one by one.
    private static void Read(MappedStorage file, long offset, Span<byte> destination)
    {
        while (destination.Length > 0)
        {
            int count = RandomAccess.Read(file.Handle, destination, offset);
            if (count == 0)
            {
                throw new ModelFormatException($"The weights file ends at byte {offset}: it was cut short since it was opened.", "Fetch the file again.");
            }

            destination = destination[count..];
            offset += count;
        }
    }

    /// <summary>[out, in, taps] to [out, taps, in], one output channel after the other.</summary>
    private unsafe void FillConvolution(byte* source, byte* destination, ref byte[] buffer)
    {
        int size = Inputs * Taps;
        int width = Type.SizeBytes();
        if (buffer.Length < size * width)
        {
            buffer = new byte[size * width];
        }

        fixed (byte* channel = buffer)
        {
            for (int done = 0; done < Count; done += size)
            {
                RowConversion.Copy(source + ((long)done * Source.DType.SizeBytes()), Source.DType, channel, Type, size);
                if (width == 4)
                {
                    Reorder((uint*)channel, (uint*)destination + done);
                }
                else
                {
                    Reorder((ushort*)channel, (ushort*)destination + done);
                }
            }
        }
    }

    private unsafe void Reorder<T>(T* from, T* to)
        where T : unmanaged
    {
        for (int tap = 0; tap < Taps; tap++)
        {
            for (int input = 0; input < Inputs; input++)
            {
                *to++ = from[(input * Taps) + tap];
            }
        }
    }
}
