using ZImage.Tensors;

namespace ZImage.Backends.Cpu;

public sealed unsafe partial class CpuBackend
{
    /// <inheritdoc/>
    public void Gather(Tensor table, ReadOnlySpan<int> ids, Tensor y)
    {
        OperatorChecks.Gather(ActivationType, table, ids, y);
        int width = table.RowLength;
        long tableRow = (long)table.RowStride * table.DType.SizeBytes();
        for (int i = 0; i < ids.Length; i++)
        {
            RowConversion.Copy(table.Pointer<byte>() + (ids[i] * tableRow), table.DType, y.Pointer<float>() + ((long)i * y.RowStride), DType.F32, width);
        }
        KeepAlive(table, y);
    }

    /// <inheritdoc/>
    public void TimestepEmbedding(ReadOnlySpan<float> times, Tensor y)
    {
        OperatorChecks.TimestepEmbedding(ActivationType, times, y);
        int half = y.RowLength / 2;
        for (int i = 0; i < times.Length; i++)
        {
            float* row = y.Pointer<float>() + ((long)i * y.RowStride);
            for (int j = 0; j < half; j++)
            {
                // Each step rounded to float32, as the reference does.
                float angle = times[i] * MathF.Exp(-9.210340371976184f * j / half);
                row[j] = MathF.Cos(angle);
                row[half + j] = MathF.Sin(angle);
            }

            if (y.RowLength % 2 == 1)
            {
                row[2 * half] = 0f;
            }
        }
        KeepAlive(y);
    }
}
