// Command pulumi-language-python is the gRPC server through which Pulumi's engine runs a Python program.
//
// Pulumi's own language host is a Go module that the module proxy does not serve. This one answers what `pulumi up`,
// `preview`, `refresh` and `destroy` call, with Pulumi's options and messages, and refuses everything else.
package main

import (
	"context"
	_ "embed"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"log"
	"maps"
	"net"
	"os"
	"os/exec"
	"os/signal"
	"path"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"time"

	"github.com/pulumi/pulumi/sdk/v3/go/common/version"
	pulumirpc "github.com/pulumi/pulumi/sdk/v3/proto/go"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/types/known/emptypb"
)

const (
	installation = "https://www.pulumi.com/docs/install/"
	virtualenvs  = "https://www.pulumi.com/docs/intro/languages/python/#virtual-environments"

	// grace is how long a program may take to terminate before it is killed. The engine kills the host after 5 s.
	grace = 3 * time.Second

	// watch is the time between two looks at whether the engine still listens.
	watch = time.Second

	// messageLimit is the engine's own limit, in bytes.
	messageLimit = 400 << 20

	// bail is the exit code of a program that has shown its user why it failed.
	bail = 32

	// uninterrupted precedes a command's words. The engine interrupts the host's whole process group; in a program the
	// interrupt would end in pages of traceback, so the program ignores it and the host terminates the program instead.
	uninterrupted = `trap "" INT; exec "$@"`
)

//go:embed required_packages.py
var requiredPackages string

func main() {
	// The engine hands on its own logging options.
	flag.Bool("logtostderr", false, "ignored")
	flag.String("v", "", "ignored")
	flag.String("tracing", "", "ignored")
	flag.Parse()
	engine := flag.Arg(0)

	ending, end := signal.NotifyContext(context.Background(), syscall.SIGINT, syscall.SIGTERM, syscall.SIGHUP)
	defer end()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		log.Fatal(err)
	}
	server := grpc.NewServer(
		grpc.MaxRecvMsgSize(messageLimit),
		grpc.UnaryInterceptor(explainUnary),
		grpc.StreamInterceptor(explainStream),
	)
	pulumirpc.RegisterLanguageRuntimeServer(server, &languageHost{engine: engine, ending: ending})
	go func() {
		if err := server.Serve(listener); err != nil && !errors.Is(err, grpc.ErrServerStopped) {
			log.Fatal(err)
		}
	}()
	// The engine reads the port from the first line; what the program prints follows.
	fmt.Println(listener.Addr().(*net.TCPAddr).Port)

	go watchEngine(engine, end)
	<-ending.Done()
	time.AfterFunc(grace+time.Second, server.Stop)
	server.GracefulStop()
	if syscall.Getpgrp() == os.Getpid() {
		// What the program started and left behind is in the host's process group.
		signal.Ignore(syscall.SIGTERM)
		_ = syscall.Kill(0, syscall.SIGTERM)
	}
}

// watchEngine calls end when nobody listens at the engine's address any more.
func watchEngine(address string, end func()) {
	for {
		time.Sleep(watch)
		connection, err := net.DialTimeout("tcp", address, watch)
		if err == nil {
			_ = connection.Close()
		} else if errors.Is(err, syscall.ECONNREFUSED) {
			end()
			return
		}
	}
}

// languageHost is the gRPC service LanguageRuntime for Python.
type languageHost struct {
	pulumirpc.UnimplementedLanguageRuntimeServer

	engine string
	ending context.Context

	mutex     sync.Mutex
	terminate context.CancelFunc
}

// GetPluginInfo gives the version of the engine that the host was built with.
func (host *languageHost) GetPluginInfo(context.Context, *emptypb.Empty) (*pulumirpc.PluginInfo, error) {
	return &pulumirpc.PluginInfo{Version: version.Version}, nil
}

// GetRequiredPackages names the plugins that the packages in the program's environment need.
func (host *languageHost) GetRequiredPackages(
	ctx context.Context, request *pulumirpc.GetRequiredPackagesRequest,
) (*pulumirpc.GetRequiredPackagesResponse, error) {
	ctx, cancel := host.cancellable(ctx)
	defer cancel()
	command, err := pythonCommand(ctx, request.Info, "-c", requiredPackages)
	if err != nil {
		return nil, err
	}
	// Python imports from its working directory too: the project's files must not stand in for the standard library.
	command.Dir = "/"
	output, err := command.Output()
	if failure := new(exec.ExitError); errors.As(err, &failure) {
		return nil, fmt.Errorf("%s cannot list its packages: %w: %s", command.Args[4], err, failure.Stderr)
	} else if err != nil {
		return nil, err
	}
	response := &pulumirpc.GetRequiredPackagesResponse{}
	return response, protojson.UnmarshalOptions{DiscardUnknown: true}.Unmarshal(output, response)
}

// Run runs the program to its end, its output being the host's own, which the engine shows.
func (host *languageHost) Run(ctx context.Context, request *pulumirpc.RunRequest) (*pulumirpc.RunResponse, error) {
	if request.AttachDebugger {
		return nil, fmt.Errorf("this language host attaches no debugger: install Pulumi itself (%s)", installation)
	}
	ctx, cancel := host.cancellable(ctx)
	defer cancel()
	arguments, err := host.programArguments(request)
	if err != nil {
		return nil, err
	}
	command, err := pythonCommand(ctx, request.Info, arguments...)
	if err != nil {
		return nil, err
	}
	// Go would write a map or a list without entries as null.
	for variable, value := range map[string]any{
		"PULUMI_CONFIG":             maps.Collect(maps.All(request.Config)),
		"PULUMI_CONFIG_SECRET_KEYS": append([]string{}, request.ConfigSecretKeys...),
	} {
		text, err := json.Marshal(value)
		if err != nil {
			return nil, err
		}
		command.Env = append(command.Env, variable+"="+string(text))
	}
	command.Stdout = os.Stdout
	command.Stderr = os.Stderr

	err = command.Run()
	failure := new(exec.ExitError)
	switch {
	case ctx.Err() != nil:
		return nil, status.Error(codes.Canceled, "the program was terminated")
	case err == nil:
		return &pulumirpc.RunResponse{}, nil
	case !errors.As(err, &failure):
		return nil, err
	case failure.ExitCode() == bail:
		return &pulumirpc.RunResponse{Bail: true}, nil
	case failure.ExitCode() < 0:
		return &pulumirpc.RunResponse{Error: fmt.Sprintf("Program was ended by %v", failure)}, nil
	default:
		return &pulumirpc.RunResponse{
			Error: fmt.Sprintf("Program exited with non-zero exit code: %d", failure.ExitCode()),
		}, nil
	}
}

// Cancel terminates the program without waiting for its end.
func (host *languageHost) Cancel(context.Context, *emptypb.Empty) (*emptypb.Empty, error) {
	host.mutex.Lock()
	defer host.mutex.Unlock()
	if host.terminate != nil {
		host.terminate()
	}
	return &emptypb.Empty{}, nil
}

// cancellable gives a call's context that also ends by Cancel and with the host.
func (host *languageHost) cancellable(call context.Context) (context.Context, context.CancelFunc) {
	ctx, cancel := context.WithCancel(call)
	context.AfterFunc(host.ending, cancel)
	host.mutex.Lock()
	defer host.mutex.Unlock()
	host.terminate = cancel
	return ctx, cancel
}

// programArguments are the command line of Pulumi's own script that runs a program, which stands beside this host.
func (host *languageHost) programArguments(request *pulumirpc.RunRequest) ([]string, error) {
	executable, err := os.Executable()
	if err != nil {
		return nil, err
	}
	arguments := []string{executable + "-exec"}
	for _, option := range [][2]string{
		{"--monitor", request.MonitorAddress},
		{"--engine", host.engine},
		{"--project", request.Project},
		{"--root_directory", request.Info.GetRootDirectory()},
		{"--stack", request.Stack},
		{"--pwd", request.Pwd},
		{"--dry_run", strconv.FormatBool(request.DryRun)},
		{"--parallel", strconv.Itoa(int(request.Parallel))},
		{"--organization", request.Organization},
	} {
		if option[1] != "" {
			arguments = append(arguments, option[0], option[1])
		}
	}
	return append(append(arguments, request.Info.GetEntryPoint()), request.Args...), nil
}

// pythonCommand is a command of the Python that the options below `runtime:` in Pulumi.yaml name. When ctx ends, the
// command is terminated, and killed after the grace.
func pythonCommand(ctx context.Context, info *pulumirpc.ProgramInfo, arguments ...string) (*exec.Cmd, error) {
	virtualenv, err := virtualenvOption(info)
	if err != nil {
		return nil, err
	}
	environment := os.Environ()
	var python string
	if virtualenv == "" {
		python, err = pythonOnPath()
	} else {
		folder := virtualenv
		if !filepath.IsAbs(folder) {
			folder = filepath.Join(info.GetRootDirectory(), folder)
		}
		python, err = pythonIn(folder, virtualenv)
		environment = slices.DeleteFunc(
			environment, func(variable string) bool { return strings.HasPrefix(variable, "PYTHONHOME=") })
		search := filepath.Join(folder, "bin") + string(os.PathListSeparator) + os.Getenv("PATH")
		environment = append(environment, "VIRTUAL_ENV="+folder, "PATH="+search)
	}
	if err != nil {
		return nil, err
	}
	command := exec.CommandContext(
		ctx, "/bin/sh", append([]string{"-c", uninterrupted, "sh", python}, arguments...)...)
	command.Env = environment
	command.Cancel = func() error { return command.Process.Signal(syscall.SIGTERM) }
	command.WaitDelay = grace
	return command, nil
}

// virtualenvOption is the option `virtualenv`, empty if there is none; an option that asks for more is an error.
func virtualenvOption(info *pulumirpc.ProgramInfo) (string, error) {
	options := map[string]string{}
	for name, value := range info.GetOptions().AsMap() {
		text, isText := value.(string)
		if !isText && slices.Contains([]string{"virtualenv", "toolchain", "typechecker"}, name) {
			return "", fmt.Errorf("%s option must be a string", name)
		}
		options[name] = text
	}
	for name, only := range map[string]string{"toolchain": "pip", "typechecker": ""} {
		if value := options[name]; value != "" && value != only {
			return "", fmt.Errorf(
				"the '%s' option in Pulumi.yaml is set to %q, which this language host does not run: remove it, or "+
					"install Pulumi itself (%s)", name, value, installation)
		}
	}
	return options["virtualenv"], nil
}

// pythonIn is the Python of the virtual environment in a folder; the error says how the environment is created.
func pythonIn(folder, option string) (string, error) {
	python := filepath.Join(folder, "bin", "python")
	if file, err := os.Stat(python); err == nil && !file.IsDir() {
		return python, nil
	}
	state := "doesn't appear to be a virtual environment"
	if _, err := os.Stat(folder); errors.Is(err, os.ErrNotExist) {
		state = "doesn't exist"
	}
	return "", fmt.Errorf(
		"The 'virtualenv' option in Pulumi.yaml is set to %q, but %q %s; run the following commands to create the "+
			"virtual environment and install dependencies into it:\n\n    1. python3 -m venv %s\n    2. %s -m pip "+
			"install -r requirements.txt\n\nFor more information see: %s",
		option, folder, state, folder, python, virtualenvs)
}

// pythonOnPath is the Python that PULUMI_PYTHON_CMD names, else `python3` or `python`.
func pythonOnPath() (string, error) {
	names := []string{"python3", "python"}
	if wanted := os.Getenv("PULUMI_PYTHON_CMD"); wanted != "" {
		names = []string{wanted}
	}
	for _, name := range names {
		if python, err := exec.LookPath(name); err == nil {
			return python, nil
		}
	}
	return "", fmt.Errorf("failed to locate any of %q on your PATH. Have you installed Python 3.11 or newer?", names)
}

// explainUnary and explainStream say what to do about a call that this host does not answer.
func explainUnary(
	ctx context.Context, request any, info *grpc.UnaryServerInfo, handle grpc.UnaryHandler,
) (any, error) {
	response, err := handle(ctx, request)
	return response, explained(err, info.FullMethod)
}

func explainStream(server any, stream grpc.ServerStream, info *grpc.StreamServerInfo, handle grpc.StreamHandler) error {
	return explained(handle(server, stream), info.FullMethod)
}

func explained(err error, method string) error {
	if status.Code(err) != codes.Unimplemented {
		return err
	}
	return status.Errorf(
		codes.Unimplemented, "this language host does not answer %s: install Pulumi itself (%s)",
		path.Base(method), installation)
}
