using ZImage.Benchmarks;

switch (args)
{
    case ["cpu", ..]:
        return CpuBenchmarks.Run(args.AsSpan(1));
    case ["first-picture", ..]:
        return FirstPicture.Run(args.AsSpan(1));
    default:
        Console.Error.WriteLine("usage: ZImage.Benchmarks cpu [filter] [--threads n] [--vectors 128|256|512] [--seconds s] [--processor-time]");
        Console.Error.WriteLine("       ZImage.Benchmarks first-picture [--runs n] [--cores n] [--tool FILE] [--model DIR]");
        return 2;
}
