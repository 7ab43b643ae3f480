using System.CommandLine;
using System.Globalization;
using ZImage.Backends.Cpu;
using ZImage.Backends.Cuda;
using ZImage.Diagnostics;
using ZImage.Native;

namespace ZImage.Cli.Commands;

/// <summary><c>zimage doctor</c>: whether the GPU can be used, and whether it computes what the processor computes.</summary>
internal static class DoctorCommand
{
    private const int Seed = 1;

    private static readonly string[] Libraries = [NativeLibraryResolver.Cuda, NativeLibraryResolver.Nvrtc, NativeLibraryResolver.CublasLt];

    /// <summary>The command.</summary>
    public static Command Create(CommandContext context)
    {
        Option<string> device = CommonOptions.Text("--device", null, "NAME", "cuda or cuda:N [default: the first GPU] [env: ZIMAGE_DEVICE]");
        Option<bool> json = CommonOptions.Json();
        Command command = new("doctor", "Check the GPU: driver, libraries, and every operator against the processor") { device, json };
        command.SetAction((parse, _) =>
        {
            string name = CommonOptions.Device(parse.GetValue(device), context.Environment);
            if (name == "cpu")
            {
                throw new UsageException("--device: the doctor looks at GPUs, and 'cpu' is none", "name cuda or cuda:N, or unset ZIMAGE_DEVICE");
            }

            int ordinal = name.Contains(':', StringComparison.Ordinal) ? int.Parse(name.AsSpan(5), CultureInfo.InvariantCulture) : 0;
            (DoctorJson report, ZImageException? problem) = Examine(ordinal);
            if (parse.GetValue(json))
            {
                context.Out.WriteLine(CliJson.Line(report, CliJson.Default.DoctorJson));
            }
            else
            {
                Write(context.Out, report);
            }

            return problem is null ? Task.FromResult(report.Usable ? ExitCodes.Ok : ExitCodes.Device) : throw problem;
        });
        return command;
    }

    private static (DoctorJson Report, ZImageException? Problem) Examine(int ordinal)
    {
        (Version? driver, int count) = CudaDevice.Probe();
        DoctorJson report = new()
        {
            Libraries = [.. Libraries.Select(Library)],
            Cache = Cache(),
            Driver = driver is null ? null : $"CUDA {driver}",
            DeviceCount = count,
        };

        try
        {
            using CudaBackend gpu = new(ordinal);
            using CpuBackend cpu = new();
            long start = TimeProvider.System.GetTimestamp();
            gpu.Kernels.WaitAll();
            double ready = TimeProvider.System.GetElapsedTime(start).TotalMilliseconds;
            KernelLogEntry[] built = [.. gpu.Kernels.Log.OrderByDescending(entry => entry.Elapsed)];
            KernelsJson kernels = new(
                gpu.Kernels.Target.Architecture,
                built.Length,
                built.Count(entry => entry.FromCache),
                Math.Round(ready, 1),
                [.. built.Select(entry => new KernelUnitJson(entry.Unit, entry.FromCache, Math.Round(entry.Elapsed.TotalMilliseconds, 1)))],
                gpu.Kernels.Warnings());
            OperatorJson[] operators = [.. OperatorCheck.All.Select(check => Run(check, gpu, cpu))];
            return (
                report with
                {
                    Usable = Array.TrueForAll(operators, check => check.Passes),
                    Device = new DeviceJson(
                        gpu.DeviceName,
                        string.Create(CultureInfo.InvariantCulture, $"{gpu.ComputeCapability / 10}.{gpu.ComputeCapability % 10}"),
                        gpu.Multiprocessors,
                        gpu.Device.TotalBytes,
                        gpu.FreeBytes),
                    Kernels = kernels,
                    Operators = operators,
                },
                null);
        }
        catch (ZImageException problem)
        {
            return (report with { Problem = problem.Message, Hint = problem.Hint }, problem);
        }
    }

    private static OperatorJson Run(OperatorCheck check, CudaBackend gpu, CpuBackend cpu)
    {
        try
        {
            OperatorAgreement agreement = check.Compare(gpu, cpu, Seed);
            return new OperatorJson(check.Name, agreement.Passes, double.IsFinite(agreement.Error) ? agreement.Error : null, agreement.Bound, null);
        }
#pragma warning disable CA1031 // One operator's failure is a line of the report and must not hide the others.
        catch (Exception exception)
#pragma warning restore CA1031
        {
            return new OperatorJson(check.Name, false, null, null, exception.Message);
        }
    }

    private static LibraryJson Library(string name) => NativeLibraryResolver.TryLoad(name, out NativeLibraryNotFoundException? failure)
        ? new LibraryJson(name, NativeLibraryResolver.LoadedPath(name), null)
        : new LibraryJson(name, null, failure.Message);

    private static CacheJson? Cache()
    {
        if (CacheFolder.OfProcess() is not { } folder)
        {
            return null;
        }

        FileInfo[] files = Directory.Exists(folder) ? new DirectoryInfo(folder).GetFiles("*", SearchOption.AllDirectories) : [];
        return new CacheJson(folder, files.Length, files.Sum(file => file.Length));
    }

    private static void Write(TextWriter output, DoctorJson report)
    {
        foreach (LibraryJson library in report.Libraries)
        {
            output.WriteLine($"{library.Name,-10} {library.Path ?? "missing"}");
        }

        output.WriteLine($"{"driver",-10} {report.Driver ?? "none"}, {report.DeviceCount} device{(report.DeviceCount == 1 ? "" : "s")}");
        output.WriteLine(report.Cache is { } cache ? $"{"cache",-10} {cache.Folder}, {cache.Files} files, {Mebibytes(cache.Bytes)}" : $"{"cache",-10} none");
        if (report is not { Device: { } device, Kernels: { } kernels, Operators: { } operators })
        {
            return;
        }

        output.WriteLine($"{"device",-10} {device.Name}, compute capability {device.ComputeCapability}, {device.Multiprocessors} multiprocessors, {Mebibytes(device.FreeBytes)} of {Mebibytes(device.TotalBytes)} free");
        output.WriteLine(string.Create(
            CultureInfo.InvariantCulture, $"{"kernels",-10} {kernels.Units} units for {kernels.Architecture}, {kernels.FromCache} from the cache, ready after {kernels.Ms} ms"));
        if (kernels.Built is [var slowest, ..])
        {
            output.WriteLine(string.Create(CultureInfo.InvariantCulture, $"{"",-10} slowest: {slowest.Name} {slowest.Ms / 1e3:F1} s"));
        }

        foreach (string warning in kernels.Warnings)
        {
            output.WriteLine($"{"",-10} {warning}");
        }

        output.WriteLine();
        foreach (OperatorJson check in operators)
        {
            string detail = check.Message ?? string.Create(CultureInfo.InvariantCulture, $"relative error {check.Error:G3} of {check.Bound:G3}");
            output.WriteLine($"{(check.Passes ? "pass" : "FAIL")}  {check.Name,-26} {detail}");
        }

        output.WriteLine();
        output.WriteLine($"{operators.Count(check => check.Passes)} of {operators.Count} operators agree with the processor.");
    }

    private static string Mebibytes(long bytes) => string.Create(CultureInfo.InvariantCulture, $"{bytes / 1048576.0:N0} MiB");
}
