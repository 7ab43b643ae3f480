using ZImage.Benchmarks;

if (args is not ["cpu", ..])
{
    Console.Error.WriteLine("usage: ZImage.Benchmarks cpu [filter] [--threads n] [--vectors 128|256|512] [--seconds s] [--processor-time]");
    return 2;
}

return CpuBenchmarks.Run(args.AsSpan(1));
