using System.Diagnostics;
using System.Globalization;
using System.Runtime.InteropServices;
using ZImage.Backends;
using ZImage.Backends.Cpu;
using ZImage.Tensors;

namespace ZImage.Benchmarks;

/// <summary>
/// The heavy operators of the processor backend at the shapes of the models, as a Markdown table: best and median time, rate, and share of the
/// cores' multiply-add peak (or bytes per second where memory is the bound). One method a family; a new one is added to <see cref="Run"/>.
/// </summary>
internal sealed class CpuBenchmarks : IDisposable
{
    private readonly CpuBackend backend;
    private readonly double peak;
    private readonly double seconds;
    private readonly string filter;

    // On a busy machine one thread's processor time says more than the clock on the wall.
    private readonly bool processorTime;

    private CpuBenchmarks(int threads, VectorWidth vectors, double seconds, string filter, bool processorTime)
    {
        this.processorTime = processorTime && threads == 1;
        backend = new CpuBackend(threads) { Vectors = vectors };
        this.seconds = seconds;
        this.filter = filter;
        peak = FmaPeak.Measure(backend.Threads);
    }

    public static int Run(ReadOnlySpan<string> args)
    {
        int threads = 0;
        double seconds = 1;
        VectorWidth vectors = GemmLayout.Best;
        string filter = "";
        bool processorTime = false;
        for (int i = 0; i < args.Length; i++)
        {
            switch (args[i])
            {
                case "--threads":
                    threads = int.Parse(args[++i], CultureInfo.InvariantCulture);
                    break;
                case "--processor-time":
                    processorTime = true;
                    break;
                case "--seconds":
                    seconds = double.Parse(args[++i], CultureInfo.InvariantCulture);
                    break;
                case "--vectors":
                    vectors = args[++i] switch { "128" => VectorWidth.Bits128, "256" => VectorWidth.Bits256, _ => VectorWidth.Bits512 };
                    break;
                default:
                    filter = args[i];
                    break;
            }
        }

        using CpuBenchmarks benchmarks = new(threads, vectors, seconds, filter, processorTime);
        Console.WriteLine($"{RuntimeInformation.FrameworkDescription}, {RuntimeInformation.ProcessArchitecture}, {benchmarks.backend.Threads} threads, products in {vectors}, "
            + $"peak {benchmarks.peak:F0} GFLOP/s ({32 * FmaPeak.Lanes}-bit vectors)");
        Console.WriteLine();
        Console.WriteLine("| operator | best ms | median ms | rate | of peak |");
        Console.WriteLine("| --- | ---: | ---: | ---: | ---: |");
        benchmarks.Linear();
        benchmarks.Attention();
        benchmarks.Conv2d();
        benchmarks.GroupNorm();
        return 0;
    }

    public void Dispose() => backend.Dispose();

    private void Linear()
    {
        foreach (DType type in (ReadOnlySpan<DType>)[DType.F32, DType.BF16, DType.F16])
        {
            foreach (int rows in (ReadOnlySpan<int>)[1, 4, 32, 1056, 4160])
            {
                Linear(type, rows, 11520, 3840);
                Linear(type, rows, 3840, 3840);
                Linear(type, rows, 20480, 3840);
                Linear(type, rows, 3840, 10240);
            }
        }
    }

    private void Linear(DType type, int rows, int outputs, int inputs)
    {
        string name = $"Linear {type} [{rows}, {inputs}] x [{outputs}, {inputs}]";
        if (!IsWanted(name))
        {
            return;
        }

        using TensorStorage x = Random(DType.F32, (long)rows * inputs), w = Random(type, (long)outputs * inputs), y = Random(DType.F32, (long)rows * outputs);
        LinearWeight weight = new([new Tensor(w, type, new Shape(outputs, inputs))]);
        Tensor input = new(x, DType.F32, new Shape(rows, inputs)), output = new(y, DType.F32, new Shape(rows, outputs));
        double bytes = w.Bytes + x.Bytes + y.Bytes;
        Measure(name, 2.0 * rows * outputs * inputs, bytes, () => backend.Linear(input, weight, output));
    }

    private void Attention()
    {
        // A prompt of the text encoder; the transformer at 512x512 and at 1024x1024.
        Attention(512, new AttentionHeads(32, 8, 128, Causal: true));
        Attention(1056, new AttentionHeads(30, 30, 128, Causal: false));
        Attention(4160, new AttentionHeads(30, 30, 128, Causal: false));
    }

    private void Attention(int rows, AttentionHeads heads)
    {
        string name = $"Attention{(heads.Causal ? " causal" : "")} {rows} rows, {heads.Heads} heads of {heads.HeadDim}";
        if (!IsWanted(name))
        {
            return;
        }

        int width = heads.Heads * heads.HeadDim, keyWidth = heads.KeyHeads * heads.HeadDim;
        using TensorStorage q = Random(DType.F32, (long)rows * width), y = Random(DType.F32, (long)rows * width);
        using TensorStorage k = Random(DType.F32, (long)rows * keyWidth), v = Random(DType.F32, (long)rows * keyWidth);
        Tensor queries = new(q, DType.F32, new Shape(rows, width)), output = new(y, DType.F32, new Shape(rows, width));
        Tensor keys = new(k, DType.F32, new Shape(rows, keyWidth)), values = new(v, DType.F32, new Shape(rows, keyWidth));
        AttentionSpan[] spans = [new AttentionSpan(0, rows)];

        // Scores and their product with the values; a causal mask leaves half of both.
        double operations = 4.0 * rows * rows * width / (heads.Causal ? 2 : 1);
        Measure(name, operations, 2 * (q.Bytes + k.Bytes), () => backend.Attention(queries, keys, values, output, heads, spans));
    }

    private void Conv2d()
    {
        Conv2d(ConvMode.Same, 64, 512, 512, 3);
        Conv2d(ConvMode.Same, 128, 512, 512, 3);
        Conv2d(ConvMode.Same, 256, 256, 256, 3);
        Conv2d(ConvMode.Same, 512, 128, 128, 3);
        Conv2d(ConvMode.Same, 512, 256, 128, 1);
        Conv2d(ConvMode.Same, 512, 128, 3, 3);
        Conv2d(ConvMode.Upsample2, 128, 512, 512, 3);
        Conv2d(ConvMode.Downsample2, 512, 128, 128, 3);
    }

    private void Conv2d(ConvMode mode, int size, int inputs, int outputs, int kernel)
    {
        string name = $"Conv2d {mode} {kernel}x{kernel} {size}x{size}x{inputs} -> {outputs}";
        if (!IsWanted(name))
        {
            return;
        }

        int outSize = mode == ConvMode.Upsample2 ? 2 * size : mode == ConvMode.Downsample2 ? size / 2 : size;
        using TensorStorage x = Random(DType.F32, (long)size * size * inputs), y = Random(DType.F32, (long)outSize * outSize * outputs);
        using TensorStorage w = Random(DType.BF16, (long)outputs * kernel * kernel * inputs), b = Random(DType.F32, outputs);
        ConvWeight weight = new(new Tensor(w, DType.BF16, new Shape(outputs, kernel, kernel, inputs)), new Tensor(b, DType.F32, new Shape(outputs)));
        Tensor input = new(x, DType.F32, new Shape(1, size, size, inputs)), output = new(y, DType.F32, new Shape(1, outSize, outSize, outputs));
        Measure(name, 2.0 * outSize * outSize * outputs * kernel * kernel * inputs, x.Bytes + y.Bytes, () => backend.Conv2d(input, weight, mode, default, output));
    }

    private void GroupNorm()
    {
        foreach ((int size, int channels) in (ReadOnlySpan<(int, int)>)[(128, 512), (512, 256), (1024, 128)])
        {
            string name = $"GroupNorm + SiLU {size}x{size}x{channels}";
            if (!IsWanted(name))
            {
                continue;
            }

            using TensorStorage x = Random(DType.F32, (long)size * size * channels), y = Random(DType.F32, (long)size * size * channels);
            using TensorStorage w = Random(DType.F32, channels), b = Random(DType.F32, channels);
            Tensor input = new(x, DType.F32, new Shape(1, size, size, channels)), output = new(y, DType.F32, new Shape(1, size, size, channels));
            Tensor weight = new(w, DType.F32, new Shape(channels)), bias = new(b, DType.F32, new Shape(channels));
            Measure(name, 0, 3.0 * x.Bytes, () => backend.GroupNorm(input, weight, bias, 32, 1e-6f, true, output));
        }
    }

    private bool IsWanted(string name) => name.Contains(filter, StringComparison.OrdinalIgnoreCase);

    /// <summary>Runs <paramref name="body"/> for the wanted time, at least three times after one warm-up, and prints a row.</summary>
    private void Measure(string name, double operations, double bytes, Action body)
    {
        body();
        List<double> times = [];
        long start = Stopwatch.GetTimestamp();
        while (times.Count < 3 || Stopwatch.GetElapsedTime(start).TotalSeconds < seconds)
        {
            TimeSpan begin = Now();
            body();
            times.Add((Now() - begin).TotalSeconds);
        }

        times.Sort();
        double best = times[0];
        string rate = $"{operations / best * 1e-9:F0} GFLOP/s", share = $"{operations / best * 1e-9 / peak:P0}";
        if (operations < 16 * bytes)
        {
            (rate, share) = ($"{bytes / best * 1e-9:F1} GB/s", "");
        }

        Console.WriteLine($"| {name} | {best * 1e3:F2} | {times[times.Count / 2] * 1e3:F2} | {rate} | {share} |");
    }

    private TimeSpan Now() => processorTime ? Environment.CpuUsage.TotalTime : Stopwatch.GetElapsedTime(0);

    private static HostStorage Random(DType type, long count)
    {
        HostStorage storage = new(count * type.SizeBytes());
        Random random = new(1);
        Tensor all = new(storage, type, new Shape(checked((int)count)));
        switch (type)
        {
            case DType.F32:
                foreach (ref float value in all.AsSpan<float>())
                {
                    value = random.NextSingle() - 0.5f;
                }

                break;
            case DType.BF16:
                foreach (ref BFloat16 value in all.AsSpan<BFloat16>())
                {
                    value = BFloat16.FromSingle(random.NextSingle() - 0.5f);
                }

                break;
            default:
                foreach (ref Half value in all.AsSpan<Half>())
                {
                    value = (Half)(random.NextSingle() - 0.5f);
                }

                break;
        }

        return storage;
    }
}
